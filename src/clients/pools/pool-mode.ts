/** What the pool is good for at the moment. */
export type PoolMode = "read-write" | "read-only" | "offline";

export interface PoolModeState {
  readonly mode: PoolMode;
  readonly connectFailures: number;
}

/** What traffic tells about the database. */
export type PoolObservation = "answered" | "connect-failed" | "write-accepted" | "write-refused";

/** One refused connection is an accident, three in a row are an outage. */
export const OFFLINE_AFTER_FAILURES = 3;

export const initialPoolMode: PoolModeState = { mode: "read-write", connectFailures: 0 };

/** Pure step: the state after one observation. */
export function stepPoolMode(state: PoolModeState, observation: PoolObservation): PoolModeState {
  switch (observation) {
    case "answered":
      return { mode: state.mode === "offline" ? "read-write" : state.mode, connectFailures: 0 };
    case "connect-failed": {
      const connectFailures = state.connectFailures + 1;
      return { mode: connectFailures >= OFFLINE_AFTER_FAILURES ? "offline" : state.mode, connectFailures };
    }
    case "write-accepted":
      return { mode: "read-write", connectFailures: 0 };
    case "write-refused":
      return { mode: "read-only", connectFailures: 0 };
  }
}
