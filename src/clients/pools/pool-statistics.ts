/** Why a connection was given up. */
export type CloseReason =
  /** Idle for `idleTimeoutMs`. */
  | "idle"
  /** Older than its share of `maxLifetimeMs`. */
  | "lifetime"
  /** Lent `maxUses` times. */
  | "uses"
  /** It broke, idle or lent. */
  | "lost"
  /** Half-open: it did not answer the question asked before lending it. */
  | "silent"
  /** The borrower gave it back as unusable, or in the middle of a statement or a transaction. */
  | "discarded"
  /** The pool was closed. */
  | "closed";

/** Times of many events, milliseconds. */
export interface Durations {
  readonly count: number;
  readonly totalMs: number;
  readonly maxMs: number;
}

/** The pool in numbers: the first six as it is now, the others since it was made. */
export interface PoolStats {
  /** Connections, those being made included. */
  readonly total: number;
  readonly idle: number;
  /** In a borrower's hands. */
  readonly lent: number;
  /** Callers without a connection. */
  readonly waiting: number;
  readonly max: number;
  /** Connections in use or being made, in percent of `max`. */
  readonly usagePercent: number;
  readonly created: number;
  readonly connectFailures: number;
  readonly closed: Readonly<Record<CloseReason, number>>;
  /** Callers who waited `connectionTimeoutMs` in vain. */
  readonly timeouts: number;
  /** Callers who were refused at once because `maxWaiting` others waited. */
  readonly refused: number;
  /** From the wish to the connection. */
  readonly acquireWait: Durations;
  /** From lending to giving back. */
  readonly use: Durations;
  /** Connections that were held longer than `leakAfterMs`. */
  readonly leaks: number;
  readonly awake: AwakeStats;
}

/** What our own traffic tells about the compute's time awake: an estimate, other clients keep it awake as well. */
export interface AwakeStats {
  /** Up to `suspendAfterMs` after the last statement; as much as a scale-to-zero compute is billed for. */
  readonly awakeMs: number;
  /** How often it was probably asleep when something was sent, by who sent it: callers, `wake()`, or our own probes. */
  readonly wakeUps: Readonly<Record<WakeUpCause, number>>;
}

export type WakeUpCause = "call" | "wake" | "probe";

/** Sum, count and maximum of durations. */
export class DurationSum {
  #count = 0;
  #totalMs = 0;
  #maxMs = 0;

  add(ms: number): void {
    this.#count += 1;
    this.#totalMs += ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  read(): Durations {
    return { count: this.#count, totalMs: this.#totalMs, maxMs: this.#maxMs };
  }
}

/** What `wake()` of a pool found. */
export interface WakeResult {
  /** Until the database answered, ms. */
  readonly durationMs: number;
  /** True if our own traffic says that it was asleep: then the duration is that of a cold start. */
  readonly wasAsleep: boolean;
}
