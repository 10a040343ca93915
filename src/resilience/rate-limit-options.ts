import { type Clock, type EventBus, type Priority } from "../core/index.ts";
import { type OptionCheck } from "./check-options.ts";
import { gcraRate } from "./gcra.ts";
import { type LimitStore, type ResolvedLimit } from "./limit-store.ts";
import { MAX_WINDOW_MS } from "./parse-window.ts";

/** One named limit: a bucket of `burst` tokens, refilled continuously at `requests` per `windowMs`. */
export interface LimitOptions {
  /** Sustained rate, whole number, 1 to 1,000,000,000. */
  readonly requests: number;
  /** Whole milliseconds, 1 to 100 days. */
  readonly windowMs: number;
  /** Capacity of the bucket: the most that is admitted at one moment. @defaultValue `requests` */
  readonly burst?: number;
}

export interface RateLimiterOptions {
  /** The limits by name. */
  readonly limits?: Readonly<Record<string, LimitOptions>>;
  /** Where the buckets live. @defaultValue this process's memory */
  readonly store?: LimitStore;
  readonly clock?: Clock;
  /** Cap on keys in the memory store; ignored with a `store`. @defaultValue 1,000,000 */
  readonly maxKeys?: number;
  /** Most callers that `acquire` lets wait, over all keys. 0 to 1,000,000. @defaultValue 1,000 */
  readonly maxWaiters?: number;
  /** Told of `limit.refused` and `limit.waited`. */
  readonly events?: EventBus;
}

export interface CheckOptions {
  /** Tokens to take, a whole number from 0 (only look) to the limit's burst. @defaultValue 1 */
  readonly cost?: number;
}

export interface AcquireOptions extends CheckOptions {
  /** Who goes first among those who wait. @defaultValue "normal" */
  readonly priority?: Priority;
  /** Longest wait, ms. A turn that cannot come in time is refused at once. @defaultValue 30,000 */
  readonly maxWaitMs?: number;
  readonly signal?: AbortSignal;
}

export function resolveLimit(name: string, { requests, windowMs, burst = requests }: LimitOptions): ResolvedLimit {
  return { name, requests, windowMs, burst, rate: gcraRate(requests, windowMs, burst) };
}

export function checkLimitOptions(check: OptionCheck, name: string, limit: LimitOptions): void {
  const whole = { min: 1, max: 1_000_000_000, integer: true };
  check.number(`${name}.requests`, limit.requests ?? NaN, whole);
  check.number(`${name}.windowMs`, limit.windowMs ?? NaN, { min: 1, max: MAX_WINDOW_MS, integer: true });
  check.number(`${name}.burst`, limit.burst, whole);
  const capacityMs = ((limit.burst ?? limit.requests) * limit.windowMs) / limit.requests;
  if (capacityMs > MAX_WINDOW_MS)
    check.problem(
      `${name}.burst takes ${Math.round(capacityMs)} ms to refill; at most ${MAX_WINDOW_MS} ms are allowed`,
    );
}
