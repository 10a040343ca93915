import { type BreakerOptions, resolveBreaker } from "./breaker-options.ts";
import { type BreakerSettings } from "./breaker-step.ts";
import { type ResolvedConcurrency } from "./bulkhead.ts";
import { type AdaptiveRule } from "./concurrency-limit.ts";
import { type HedgeRule, type OptionCheck } from "../core/index.ts";
import { type RetryBudgetOptions } from "./retry-budget.ts";
import { dropPolicies, type DropPolicy } from "./wait-line.ts";

/** How calls are made, unless the call itself says otherwise. */
export interface CallPolicy {
  /** Total time of a call: queues, attempts, waits, body. ms, or Infinity. @defaultValue 30,000 */
  readonly deadlineMs?: number;
  /**
   * Time of one attempt (of a stream: until its first item), ms, or Infinity. @defaultValue a third of the call's
   * `deadlineMs` if the call may be repeated; all of it otherwise, as giving up early would win nothing
   */
  readonly attemptTimeoutMs?: number;
  /** Attempts including the first, 1 to 100. @defaultValue 4 */
  readonly maxAttempts?: number;
  /** Upper bound of the first wait; the wait is drawn evenly between 0 and it ("full jitter"). ms. @defaultValue 1,000 */
  readonly baseDelayMs?: number;
  /** Upper bound of any wait of ours, ms. @defaultValue 10,000 */
  readonly maxDelayMs?: number;
  /** Growth of the bound from wait to wait, 1 to 100. @defaultValue 2 */
  readonly backoffMultiplier?: number;
  /** Longest wait that a service's `Retry-After` can ask for; beyond it the call fails with the hint. ms. @defaultValue 60,000 */
  readonly maxHintMs?: number;
  /** Longest time between two items of a stream, ms, or Infinity. @defaultValue Infinity: the deadline alone counts */
  readonly idleTimeoutMs?: number;
  /** A second attempt beside a slow one, for calls that are idempotent. @defaultValue none */
  readonly hedge?: HedgeRule | false;
}

/** What may differ between the parts of one service. */
export interface PartPolicy extends CallPolicy {
  /** The circuit breaker; `false` for none. */
  readonly breaker?: BreakerOptions | false;
  /** Attempts in flight at a time; more of them wait in line. @defaultValue no bound */
  readonly concurrency?: number | ConcurrencyOptions;
  /** What calls may spend on retries together; `false` for no bound. */
  readonly budget?: RetryBudgetOptions | false;
}

/** What may differ from service to service. It holds for each part: two parts with `concurrency: 8` have 8 each. */
export interface ServicePolicy extends PartPolicy {
  /**
   * Parts that fail apart from one another, by the name that calls give as `part`; what is missing comes from the
   * service. A part need not be told of here: it is known from its first call on. @defaultValue none
   */
  readonly parts?: Readonly<Record<string, PartPolicy>>;
}

export interface ConcurrencyOptions {
  /** In flight at a time, 1 to 1,000,000, or Infinity unless it adapts. */
  readonly max: number;
  /** Finds out between `min` and `max` how many the service bears: by its refusals (`aimd`) or by its latency (`gradient`). @defaultValue false */
  readonly adaptive?: AdaptiveRule | false;
  /** Never fewer than this, 1 to `max`; for an adaptive bound. @defaultValue 1 */
  readonly min?: number;
  /** Most that wait in line, 0 to 1,000,000. @defaultValue 1,000 */
  readonly queue?: number;
  /** Longest wait in line, ms, or Infinity: the call's deadline alone counts. @defaultValue Infinity */
  readonly maxWaitMs?: number;
  /** Who goes when the line is full. @defaultValue "reject-newest" */
  readonly drop?: DropPolicy;
  /**
   * Part of the permits that calls of one priority may hold together, above 0 to 1, so that others always find room.
   *
   * @defaultValue 1 for each
   */
  readonly shares?: { readonly high?: number; readonly normal?: number; readonly low?: number };
}

export interface ResolvedCallPolicy {
  readonly deadlineMs: number;
  /** Undefined: derived from the call, see {@link CallPolicy.attemptTimeoutMs}. */
  readonly attemptTimeoutMs: number | undefined;
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly backoffMultiplier: number;
  readonly maxHintMs: number;
  readonly idleTimeoutMs: number;
  readonly hedge: HedgeRule | false;
}

export interface ResolvedServicePolicy extends ResolvedCallPolicy {
  readonly breaker: BreakerSettings | false;
  readonly concurrency: ResolvedConcurrency;
  readonly budget: RetryBudgetOptions | false;
}

export const DEFAULT_POLICY: ResolvedCallPolicy = {
  deadlineMs: 30_000,
  attemptTimeoutMs: undefined,
  maxAttempts: 4,
  baseDelayMs: 1_000,
  maxDelayMs: 10_000,
  backoffMultiplier: 2,
  maxHintMs: 60_000,
  idleTimeoutMs: Infinity,
  hedge: false,
};
const DEFAULT_CONCURRENCY: ResolvedConcurrency = {
  max: Infinity,
  min: 1,
  adaptive: false,
  queue: 1_000,
  maxWaitMs: Infinity,
  drop: "reject-newest",
  shares: { high: 1, normal: 1, low: 1 },
};
const DAY_MS = 86_400_000;

export function checkCallPolicy(check: OptionCheck, prefix: string, policy: CallPolicy): void {
  const span = { min: 1, max: 100 * DAY_MS, unbounded: true };
  const delay = { min: 0, max: DAY_MS };
  check.number(`${prefix}deadlineMs`, policy.deadlineMs, span);
  check.number(`${prefix}attemptTimeoutMs`, policy.attemptTimeoutMs, span);
  check.number(`${prefix}maxAttempts`, policy.maxAttempts, { min: 1, max: 100, integer: true });
  check.number(`${prefix}baseDelayMs`, policy.baseDelayMs, delay);
  check.number(`${prefix}maxDelayMs`, policy.maxDelayMs, delay);
  check.number(`${prefix}backoffMultiplier`, policy.backoffMultiplier, { min: 1, max: 100 });
  check.number(`${prefix}maxHintMs`, policy.maxHintMs, delay);
  check.number(`${prefix}idleTimeoutMs`, policy.idleTimeoutMs, span);
  if (policy.hedge) checkHedge(check, `${prefix}hedge.`, policy.hedge);
}

export function checkHedge(check: OptionCheck, prefix: string, rule: HedgeRule): void {
  check.number(`${prefix}afterP`, rule.afterP, { min: 0.01, max: 0.9999 });
  check.number(`${prefix}afterMs`, rule.afterMs, { min: 1, max: DAY_MS });
  check.number(`${prefix}maxHedges`, rule.maxHedges, { min: 1, max: 5, integer: true });
}

export function resolveCallPolicy(base: ResolvedCallPolicy, own: CallPolicy): ResolvedCallPolicy {
  return {
    deadlineMs: own.deadlineMs ?? base.deadlineMs,
    attemptTimeoutMs: own.attemptTimeoutMs ?? base.attemptTimeoutMs,
    maxAttempts: own.maxAttempts ?? base.maxAttempts,
    baseDelayMs: own.baseDelayMs ?? base.baseDelayMs,
    maxDelayMs: own.maxDelayMs ?? base.maxDelayMs,
    backoffMultiplier: own.backoffMultiplier ?? base.backoffMultiplier,
    maxHintMs: own.maxHintMs ?? base.maxHintMs,
    idleTimeoutMs: own.idleTimeoutMs ?? base.idleTimeoutMs,
    hedge: own.hedge ?? base.hedge,
  };
}

export function checkServicePolicy(check: OptionCheck, prefix: string, policy: ServicePolicy): void {
  checkCallPolicy(check, prefix, policy);
  checkConcurrency(check, `${prefix}concurrency`, policy.concurrency);
  for (const [name, part] of Object.entries(policy.parts ?? {}))
    checkServicePolicy(check, `${prefix}parts.${name}.`, part);
}

export function checkConcurrency(
  check: OptionCheck,
  name: string,
  option: number | ConcurrencyOptions | undefined,
): void {
  const { max, adaptive, min, queue, maxWaitMs, drop, shares } = optionsOf(option);
  check.number(`${name}.max`, max ?? undefined, { min: 1, max: 1_000_000, integer: true, unbounded: !adaptive });
  check.number(`${name}.min`, min, { min: 1, max: max ?? 1, integer: true });
  check.number(`${name}.queue`, queue, { min: 0, max: 1_000_000, integer: true });
  check.number(`${name}.maxWaitMs`, maxWaitMs, { min: 1, max: DAY_MS, unbounded: true });
  check.oneOf(`${name}.adaptive`, adaptive, [false, "aimd", "gradient"]);
  check.oneOf(`${name}.drop`, drop, dropPolicies);
  for (const [priority, share] of Object.entries(shares ?? {}))
    check.number(`${name}.shares.${priority}`, share, { min: Number.MIN_VALUE, max: 1 });
}

/** @throws IntegrationError `INVALID_INPUT` for bad breaker settings */
export function resolveServicePolicy(
  service: string,
  base: ResolvedCallPolicy,
  own: PartPolicy,
): ResolvedServicePolicy {
  return {
    ...resolveCallPolicy(base, own),
    breaker: own.breaker !== false && resolveBreaker(own.breaker ?? {}, `services.${service}.breaker`),
    concurrency: concurrencyOf(own.concurrency),
    budget: own.budget ?? {},
  };
}

export function concurrencyOf(option: number | ConcurrencyOptions | undefined): ResolvedConcurrency {
  const own = optionsOf(option);
  return { ...DEFAULT_CONCURRENCY, ...own, shares: { ...DEFAULT_CONCURRENCY.shares, ...own.shares } };
}

function optionsOf(option: number | ConcurrencyOptions | undefined): Partial<ConcurrencyOptions> {
  if (typeof option === "object") return option;
  return option === undefined ? {} : { max: option };
}
