import { type CircuitState } from "../breaker-options.ts";

/** What the processes of a fleet tell each other about one circuit. Times are relative: clocks differ. */
export interface SharedCircuit {
  readonly state: CircuitState;
  /** Open: until a probe is due. Half-open: until the probing process's lease ends. 0 otherwise. */
  readonly remainingMs: number;
  /** Breaks since the service was last healthy. */
  readonly opens: number;
}

/** How a breaker reaches its fleet. It answers at once, so that no call ever waits for another process. */
export interface BreakerLink {
  /** May this process probe the service now? A `false` may become `true` soon: asking also applies for it. */
  mayProbe(now: number): boolean;
  /** The circuit has changed by what this process saw, or by hand. */
  changed(byHand: boolean): void;
}
