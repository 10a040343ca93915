import { randomUUID } from "node:crypto";
import {
  annotateError,
  type AttemptContext,
  type CallSpec,
  type Clock,
  errorFromThrown,
  type EventBus,
  IntegrationError,
  judgeThrown,
  type Random,
  type Redact,
  systemClock,
  systemRandom,
  type Verdict,
  OptionCheck,
} from "../core/index.ts";
import { CallContext, type Surroundings } from "./call-context.ts";
import { CallTrace } from "./call-record.ts";
import { DeadlineWatch } from "./deadline-watch.ts";
import { checkCallPolicy, DEFAULT_POLICY, resolveServicePolicy, type ResolvedServicePolicy } from "./policy.ts";
import { type RetryBudget } from "./retry-budget.ts";
import { ServiceState } from "./service-state.ts";
import { AttemptTimeoutGate } from "./stages/attempt-timeout.ts";
import { deadlineStage } from "./stages/deadline.ts";
import { retryStage } from "./stages/retry.ts";
import { compose, promised } from "./stages/stage.ts";

export interface ErrorHandlerOptions {
  /** Attempts including the first, 1 to 100. @defaultValue 4 */
  readonly maxAttempts?: number;
  /** The plan's name: retries after the first attempt. `maxAttempts` wins if both are given. */
  readonly maxRetries?: number;
  /** Upper bound of the first wait, ms; the wait is drawn evenly between 0 and it. @defaultValue 1,000 */
  readonly baseDelayMs?: number;
  /** The plan's name of `baseDelayMs`. */
  readonly baseDelay?: number;
  /** Upper bound of any wait of ours, ms. @defaultValue 10,000 */
  readonly maxDelayMs?: number;
  /** The plan's name of `maxDelayMs`. */
  readonly maxDelay?: number;
  /** Growth of the bound from wait to wait, 1 to 100. @defaultValue 2 */
  readonly backoffMultiplier?: number;
  /** Longest wait that a service can ask for; beyond it the call fails with the hint. ms. @defaultValue 60,000 */
  readonly maxHintMs?: number;
  /** What all calls of this handler may spend on retries together. @defaultValue no bound */
  readonly budget?: RetryBudget;
  readonly clock?: Clock;
  /** For jitter. */
  readonly random?: Random;
  /** Told of `attempt.failed` and `retry.scheduled`. */
  readonly events?: EventBus;
  /** Takes secrets out of what failed attempts say. @defaultValue nothing is taken out */
  readonly redact?: Redact;
}

export interface HandleOptions {
  /** Ends the call: in a wait as well as during an attempt. */
  readonly signal?: AbortSignal;
  /** Total time for attempts and waits, ms. @defaultValue no bound: an operation may take as long as it likes */
  readonly deadlineMs?: number;
  /** @defaultValue the handler's */
  readonly maxAttempts?: number;
}

/** What an operation is given: hand `signal` on. */
export type OperationContext = Pick<AttemptContext, "attempt" | "signal">;

/**
 * The retry room standing alone: classifies failures, repeats what may pass, and keeps everything that is known about
 * a failure. For calls made through the pipeline it is not needed: they have this room built in.
 *
 * An operation named by a string counts as idempotent, because handing it to a retrying handler says so. Given a
 * `CallSpec`, its `idempotent` and `idempotencyKey` decide if either is present.
 *
 * @example
 * const errors = new EnhancedErrorHandler({ maxAttempts: 4 });
 * const page = await errors.handleWithRetry(({ signal }) => fetchPage(url, signal), "pages.fetch");
 */
export class EnhancedErrorHandler {
  readonly #policy: ResolvedServicePolicy;
  readonly #budget: RetryBudget | undefined;
  readonly #around: Surroundings;
  /** Of the service that was called last: one is called many times on end. It holds nothing of a call. */
  #last: ServiceState | undefined = undefined;
  readonly #enter = compose([deadlineStage, retryStage], [new AttemptTimeoutGate()]);

  /** @throws IntegrationError `INVALID_INPUT` naming every bad option */
  constructor(options: ErrorHandlerOptions = {}) {
    const own = {
      ...DEFAULT_POLICY,
      deadlineMs: Infinity,
      attemptTimeoutMs: Infinity,
      maxAttempts: options.maxAttempts ?? (options.maxRetries ?? DEFAULT_POLICY.maxAttempts - 1) + 1,
      baseDelayMs: options.baseDelayMs ?? options.baseDelay ?? DEFAULT_POLICY.baseDelayMs,
      maxDelayMs: options.maxDelayMs ?? options.maxDelay ?? DEFAULT_POLICY.maxDelayMs,
      backoffMultiplier: options.backoffMultiplier ?? DEFAULT_POLICY.backoffMultiplier,
      maxHintMs: options.maxHintMs ?? DEFAULT_POLICY.maxHintMs,
    };
    const check = new OptionCheck("EnhancedErrorHandler");
    checkCallPolicy(check, "", own);
    check.throwIfAny();
    this.#policy = resolveServicePolicy("operation", own, { breaker: false, budget: false });
    this.#budget = options.budget;
    const clock = options.clock ?? systemClock;
    this.#around = {
      clock,
      random: options.random ?? systemRandom,
      events: options.events,
      deadlines: new DeadlineWatch(clock),
      redact: options.redact,
    };
  }

  /** What may be done about anything that was thrown, by us or by a vendor's code. */
  classify(error: unknown): Verdict {
    return judgeThrown(error).verdict;
  }

  /**
   * Runs `operation` until it succeeds, fails for good, or may not be repeated any more.
   *
   * @param context what it is, e.g. `"listings.import"`, or a CallSpec
   * @throws IntegrationError the last failure with `attempts` and `details.history`, its `cause` what the operation
   * threw; `BUDGET_EXHAUSTED`, `ABORTED`, `DEADLINE_EXCEEDED` or `OUTCOME_UNKNOWN` where that is what ended it
   */
  async handleWithRetry<T>(
    operation: (context: OperationContext) => Promise<T>,
    context: string | CallSpec,
    options: HandleOptions = {},
  ): Promise<T> {
    const spec = specOf(context, options);
    const { clock } = this.#around;
    const trace = new CallTrace(spec.service, spec.operation, clock.now(), randomUUID);
    const service = this.#service(spec.service);
    // The caller's second signal takes the place of a scope's: either ends the call.
    const scope = options.signal && { signal: options.signal };
    const call = new CallContext(spec, service, this.#around, scope, trace, operation);
    try {
      return (await promised(call, this.#enter)) as T;
    } catch (thrown) {
      const { callId, attempts } = trace;
      const error = IntegrationError.isInstance(thrown) ? thrown : errorFromThrown(thrown, {});
      throw withHistory(annotateError(error, { callId, attempts }), trace);
    } finally {
      call.close();
    }
  }

  #service(name: string): ServiceState {
    if (this.#last?.name === name) return this.#last;
    return (this.#last = new ServiceState(name, this.#policy, this.#around, { budget: this.#budget }));
  }
}

function specOf(context: string | CallSpec, options: HandleOptions): CallSpec {
  const own = typeof context === "string" ? namesOf(context) : context;
  const deadlineMs = options.deadlineMs ?? own.deadlineMs;
  const maxAttempts = options.maxAttempts ?? own.maxAttempts;
  // What a name alone says is complete.
  if (own !== context && deadlineMs === undefined && maxAttempts === undefined) return own;
  return {
    ...own,
    ...(own.idempotencyKey === undefined && { idempotent: own.idempotent ?? true }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(maxAttempts !== undefined && { maxAttempts }),
  };
}

/** `"listings.import"` → service `listings`, operation `import`. */
function namesOf(context: string): CallSpec {
  const dot = context.indexOf(".");
  const service = dot < 0 ? context : context.slice(0, dot);
  const operation = dot < 0 ? "" : context.slice(dot + 1);
  return { service: service || "operation", operation: operation || "run", idempotent: true };
}

/** What was tried, for whoever reads the error. Nothing to tell of a single attempt. */
function withHistory(error: IntegrationError, trace: CallTrace): IntegrationError {
  if (trace.attempts < 2) return error;
  const details = { ...error.details, history: trace.steps };
  return Object.assign(error, { details });
}
