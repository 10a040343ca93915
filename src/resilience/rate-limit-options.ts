import { type Clock, type EventBus, type OnBehalfOf, type Priority, type OptionCheck } from "../core/index.ts";
import { gcraRate, isCountable } from "./gcra.ts";
import { type LimitStore, type ResolvedLimit, type ResolvedPolicy } from "./limit-store.ts";
import { formatWindow, MAX_WINDOW_MS } from "./parse-window.ts";
import { type DropPolicy } from "./wait-line.ts";

/** One named limit: a bucket of `burst` tokens, refilled continuously at `requests` per `windowMs`. */
export interface LimitOptions {
  /** Sustained rate, whole number, 1 to 1,000,000,000. */
  readonly requests: number;
  /** Whole milliseconds, 1 to 100 days. */
  readonly windowMs: number;
  /** Capacity of the bucket: the most that is admitted at one moment. @defaultValue `requests` */
  readonly burst?: number;
  /**
   * Names the policy in the decisions of a limit that has several; unique within the limit.
   *
   * @defaultValue requests and window, as in `10/1s`
   */
  readonly name?: string;
}

export interface RateLimiterOptions {
  /**
   * The limits by name. A list holds several policies for one name, 1 to 10: a call is charged to all or to none.
   *
   * @example
   * { api: [{ requests: 10, windowMs: 1_000 }, { requests: 1_000, windowMs: 86_400_000 }] }
   */
  readonly limits?: Readonly<Record<string, LimitOptions | readonly LimitOptions[]>>;
  /** Where the buckets live: {@link RedisLimitStore} shares them. @defaultValue this process's memory */
  readonly store?: LimitStore;
  readonly clock?: Clock;
  /** Cap on keys in the memory store; ignored with a `store`. @defaultValue 1,000,000 */
  readonly maxKeys?: number;
  /** Most callers that `acquire` lets wait, over all keys. 0 to 1,000,000. @defaultValue 1,000 */
  readonly maxWaiters?: number;
  /** Who goes when too many wait: the newcomer, or somebody who waits for the same key. @defaultValue "reject-newest" */
  readonly drop?: DropPolicy;
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
  /** Those of one priority take turns by tenant. @defaultValue one for all */
  readonly tenant?: string;
  /** Longest wait, ms. A turn that cannot come in time is refused at once. @defaultValue 30,000 */
  readonly maxWaitMs?: number;
  readonly signal?: AbortSignal;
  /** Who waits: events name it. */
  readonly by?: OnBehalfOf;
}

/** A limit as resolved: its first policy, and the list of all where there are several. */
export interface LimitDescription {
  readonly name: string;
  readonly requests: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly policies?: readonly LimitDescription[];
}

const MAX_POLICIES = 10;

export function resolveLimit(name: string, options: LimitOptions | readonly LimitOptions[]): ResolvedLimit {
  const [first, ...rest] = policiesOf(options).map(resolvePolicy);
  const policies = [first!, ...rest] as const;
  const id = [name, ...policies.map(({ requests, windowMs, burst }) => `${requests}/${windowMs}/${burst}`)].join(" ");
  return { name, id, policies, burst: Math.min(...policies.map(({ burst }) => burst)) };
}

function resolvePolicy({ requests, windowMs, burst = requests, name }: LimitOptions): ResolvedPolicy {
  const rate = gcraRate(requests, windowMs, burst);
  return { name: name ?? `${requests}/${formatWindow(windowMs)}`, requests, windowMs, burst, rate };
}

export function describeLimit({ name, policies }: ResolvedLimit): LimitDescription {
  const all = policies.map(({ name, requests, windowMs, burst }) => ({ name, requests, windowMs, burst }));
  return { ...all[0]!, name, ...(all.length > 1 && { policies: all }) };
}

export function checkLimitOptions(
  check: OptionCheck,
  name: string,
  options: LimitOptions | readonly LimitOptions[],
): void {
  const policies = policiesOf(options);
  if (policies.length < 1 || policies.length > MAX_POLICIES)
    check.problem(`${name} must hold 1 to ${MAX_POLICIES} policies, got ${policies.length}`);
  for (const [index, policy] of policies.entries())
    checkPolicy(check, policies.length === 1 ? name : `${name}[${index}]`, policy);
  const names = policies.map((policy) => policy.name).filter((given) => given !== undefined);
  if (new Set(names).size < names.length) check.problem(`${name}: two policies have the same name`);
}

function checkPolicy(check: OptionCheck, name: string, policy: LimitOptions): void {
  const whole = { min: 1, max: 1_000_000_000, integer: true };
  check.number(`${name}.requests`, policy.requests ?? NaN, whole);
  check.number(`${name}.windowMs`, policy.windowMs ?? NaN, { min: 1, max: MAX_WINDOW_MS, integer: true });
  check.number(`${name}.burst`, policy.burst, whole);
  const capacityMs = ((policy.burst ?? policy.requests) * policy.windowMs) / policy.requests;
  if (capacityMs > MAX_WINDOW_MS)
    check.problem(
      `${name}.burst takes ${Math.round(capacityMs)} ms to refill; at most ${MAX_WINDOW_MS} ms are allowed`,
    );
  const { requests, windowMs, burst = requests } = policy;
  const comparable = [requests, windowMs, burst].every((value) => Number.isInteger(value) && value > 0);
  if (comparable && !isCountable(gcraRate(requests, windowMs, burst)))
    check.problem(
      `${name}: ${requests} per ${windowMs} ms has too few common divisors to be counted exactly; round requests or windowMs`,
    );
}

const policiesOf = (options: LimitOptions | readonly LimitOptions[]): readonly LimitOptions[] =>
  Array.isArray(options) ? (options as readonly LimitOptions[]) : [options as LimitOptions];
