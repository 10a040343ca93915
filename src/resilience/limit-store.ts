import { type Decision, type GcraRate } from "./gcra.ts";

/** A named limit with everything derived from it. */
export interface ResolvedLimit {
  readonly name: string;
  /** Sustained rate: so many requests … */
  readonly requests: number;
  /** … in so many milliseconds. */
  readonly windowMs: number;
  /** Capacity of the bucket. */
  readonly burst: number;
  readonly rate: GcraRate;
}

/**
 * Where the buckets live. A store owns its time (a shared one uses the server's), so that processes whose clocks differ
 * still agree.
 */
export interface LimitStore {
  /** True if {@link decide} answers at once; only then may `RateLimiter.check` be used. */
  readonly synchronous: boolean;
  /** Decides and charges in one atomic step. `cost` 0 only looks. A denial changes nothing. */
  decide(limit: ResolvedLimit, key: string, cost: number): Decision | Promise<Decision>;
}
