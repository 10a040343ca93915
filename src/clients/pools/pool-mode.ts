/** What the pool is good for at the moment. */
export type PoolMode = "read-write" | "read-only" | "offline";

export interface PoolModeState {
  readonly mode: PoolMode;
  readonly connectFailures: number;
}

/** What traffic tells about the database. */
export type PoolObservation =
  "answered" | "connect-failed" | "write-accepted" | "write-refused" | "circuit-opened" | "gave-up";

/** One refused connection is an accident, three in a row are an outage. */
export const OFFLINE_AFTER_FAILURES = 3;

export const initialPoolMode: PoolModeState = { mode: "read-write", connectFailures: 0 };

/** Pure step: the state after one observation. */
export function stepPoolMode(state: PoolModeState, observation: PoolObservation): PoolModeState {
  switch (observation) {
    case "answered":
      if (state.mode === "offline") return initialPoolMode;
      return state.connectFailures === 0 ? state : { ...state, connectFailures: 0 };
    case "connect-failed": {
      const connectFailures = state.connectFailures + 1;
      return connectFailures >= OFFLINE_AFTER_FAILURES
        ? { mode: "offline", connectFailures }
        : { ...state, connectFailures };
    }
    case "circuit-opened":
      return state.mode === "read-write" ? { ...state, mode: "read-only" } : state;
    case "write-refused":
      return { mode: "read-only", connectFailures: 0 };
    // Whoever comes next finds out: nobody asked for so long that our own asking would keep a compute awake.
    case "gave-up":
    case "write-accepted":
      return initialPoolMode;
  }
}
