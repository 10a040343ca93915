import { type BreakerOptions, resolveBreaker } from "./breaker-options.ts";
import { type BreakerSettings } from "./breaker-step.ts";
import { type OptionCheck } from "./check-options.ts";
import { type RetryBudgetOptions } from "./retry-budget.ts";

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
}

/** What may differ from service to service. */
export interface ServicePolicy extends CallPolicy {
  /** The service's circuit breaker; `false` for none. */
  readonly breaker?: BreakerOptions | false;
  /** Attempts in flight at a time; more of them wait in line. @defaultValue no bound */
  readonly concurrency?: number | ConcurrencyOptions;
  /** What the service's calls may spend on retries together; `false` for no bound. */
  readonly budget?: RetryBudgetOptions | false;
}

export interface ConcurrencyOptions {
  /** In flight at a time, 1 to 1,000,000, or Infinity. */
  readonly max: number;
  /** Most that wait in line, 0 to 1,000,000. @defaultValue 1,000 */
  readonly queue?: number;
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
}

export interface ResolvedServicePolicy extends ResolvedCallPolicy {
  readonly breaker: BreakerSettings | false;
  readonly concurrency: Required<ConcurrencyOptions>;
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
};
const DEFAULT_QUEUE = 1_000;
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
  };
}

export function checkServicePolicy(check: OptionCheck, prefix: string, policy: ServicePolicy): void {
  checkCallPolicy(check, prefix, policy);
  const { max, queue } = concurrencyOf(policy.concurrency);
  checkConcurrency(check, `${prefix}concurrency`, max, queue);
}

export function checkConcurrency(check: OptionCheck, name: string, max: unknown, queue: unknown): void {
  check.number(`${name}.max`, max, { min: 1, max: 1_000_000, integer: true, unbounded: true });
  check.number(`${name}.queue`, queue, { min: 0, max: 1_000_000, integer: true });
}

/** @throws IntegrationError `INVALID_INPUT` for bad breaker settings */
export function resolveServicePolicy(
  service: string,
  base: ResolvedCallPolicy,
  own: ServicePolicy,
): ResolvedServicePolicy {
  return {
    ...resolveCallPolicy(base, own),
    breaker: own.breaker !== false && resolveBreaker(own.breaker ?? {}, `services.${service}.breaker`),
    concurrency: concurrencyOf(own.concurrency),
    budget: own.budget ?? {},
  };
}

export function concurrencyOf(option: number | ConcurrencyOptions | undefined): Required<ConcurrencyOptions> {
  if (typeof option === "object") return { max: option.max, queue: option.queue ?? DEFAULT_QUEUE };
  return { max: option ?? Infinity, queue: DEFAULT_QUEUE };
}
