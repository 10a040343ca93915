import { type Clock } from "../core/index.ts";
import { type Decision, type GcraRate } from "./gcra.ts";
import { type LimitUsage } from "./limit-usage.ts";

/** One bucket of a limit, with everything derived from its options. */
export interface ResolvedPolicy {
  readonly name: string;
  /** Sustained rate: so many requests … */
  readonly requests: number;
  /** … in so many milliseconds. */
  readonly windowMs: number;
  /** Capacity of the bucket. */
  readonly burst: number;
  readonly rate: GcraRate;
}

/** A named limit: one policy, or several of which each must admit a call. */
export interface ResolvedLimit {
  readonly name: string;
  /** Name and policies in one string: limits with the same id share their buckets. */
  readonly id: string;
  readonly policies: readonly [ResolvedPolicy, ...ResolvedPolicy[]];
  /** The most that one call may cost: the smallest capacity. */
  readonly burst: number;
}

/**
 * Where the buckets live. A store owns its time (a shared one uses the server's), so that processes whose clocks differ
 * still agree.
 */
export interface LimitStore {
  /** True if {@link decide} answers at once; only then may `RateLimiter.check` be used. */
  readonly synchronous: boolean;
  /** The clock by which it counts, where that is one of this process: {@link decide} then takes a reading of it. */
  readonly clock?: Clock;
  /**
   * Decides and charges in one atomic step: every policy of the limit, or none. `cost` 0 only looks. A denial changes
   * nothing.
   *
   * @param now a reading of {@link clock} that was taken just now, ms; without it the store takes one
   */
  decide(limit: ResolvedLimit, key: string, cost: number, now?: number): Decision | Promise<Decision>;

  /** How far all keys of a limit are used up. Where it is missing, the limiter knows what this process's decisions told. */
  usage?(limit: ResolvedLimit): LimitUsage;
}
