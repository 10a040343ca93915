import { randomUUID } from "node:crypto";
import {
  annotateError,
  type AttemptContext,
  type CallRunner,
  type CallScopes,
  type CallSpec,
  type EventBus,
  IntegrationError,
  streamThrough,
  systemClock,
  systemRandom,
} from "../core/index.ts";
import { type Attempt } from "./attempt.ts";
import { Bulkhead } from "./bulkhead.ts";
import { CallContext, type Surroundings } from "./call-context.ts";
import { CallLog, type CallRecord, CallTrace } from "./call-record.ts";
import { OptionCheck } from "./check-options.ts";
import { type CircuitBreaker } from "./circuit-breaker.ts";
import { DeadlineWatch } from "./deadline-watch.ts";
import { type PipelineDescription, type PipelineOptions, type ServiceBreaker } from "./pipeline-options.ts";
import {
  checkCallPolicy,
  checkConcurrency,
  checkServicePolicy,
  concurrencyOf,
  DEFAULT_POLICY,
  resolveCallPolicy,
  type ResolvedCallPolicy,
  resolveServicePolicy,
  type ServicePolicy,
} from "./policy.ts";
import { type RateLimiter } from "./rate-limiter.ts";
import { refusal } from "./refusal.ts";
import { type RetryBudget } from "./retry-budget.ts";
import { type ServiceState, serviceState } from "./service-state.ts";
import { attemptTimeoutStage } from "./stages/attempt-timeout.ts";
import { circuitBreakerStage } from "./stages/circuit-breaker.ts";
import { concurrencyStage } from "./stages/concurrency.ts";
import { deadlineStage } from "./stages/deadline.ts";
import { rateLimitStage } from "./stages/rate-limit.ts";
import { retryStage } from "./stages/retry.ts";
import { compose, type Next, type Stage } from "./stages/stage.ts";

/** Calls that {@link Pipeline.explain} remembers. */
const REMEMBERED_CALLS = 1_000;

/**
 * Runs calls under a deadline, with safe retries, a circuit breaker, rate limits and bounded concurrency.
 *
 * @example
 * const pipeline = createPipeline({ services: { geocoder: { maxAttempts: 3, concurrency: 8 } } });
 * const spec = { service: "geocoder", operation: "lookup", idempotent: true };
 * const place = await pipeline.run(spec, ({ signal }) => lookUp(address, signal));
 */
export class Pipeline implements CallRunner {
  readonly #around: Surroundings;
  readonly #scopes: CallScopes | undefined;
  readonly #events: EventBus | undefined;
  readonly #limiter: RateLimiter | undefined;
  readonly #defaults: ResolvedCallPolicy;
  readonly #configured: Readonly<Record<string, ServicePolicy>>;
  readonly #services = new Map<string, ServiceState>();
  readonly #process: Bulkhead;
  readonly #stages: readonly Stage[];
  readonly #enter: Next;
  readonly #newId: () => string;
  readonly #log = new CallLog(REMEMBERED_CALLS);
  readonly #drained: (() => void)[] = [];
  #inFlight = 0;
  #closed = false;

  /** @throws IntegrationError `INVALID_INPUT` naming every bad option */
  constructor(options: PipelineOptions = {}) {
    checkOptions(options);
    const clock = options.clock ?? systemClock;
    const random = options.random ?? systemRandom;
    this.#events = options.events;
    this.#around = { clock, random, events: options.events, deadlines: new DeadlineWatch(clock) };
    this.#scopes = options.scopes;
    this.#limiter = options.limiter;
    this.#newId = options.idFactory ?? randomUUID;
    this.#defaults = resolveCallPolicy(DEFAULT_POLICY, options.defaults ?? {});
    this.#configured = options.services ?? {};
    this.#process = new Bulkhead("this process", concurrencyOf(options.maxConcurrent));
    for (const name of Object.keys(this.#configured)) this.#service(name);
    // Outermost first. Retry stands outside the breaker and the limiter, so that every attempt is counted and charged.
    this.#stages = [
      deadlineStage,
      retryStage,
      circuitBreakerStage,
      rateLimitStage(options.limiter),
      concurrencyStage(this.#process),
      attemptTimeoutStage,
    ];
    this.#enter = compose(this.#stages, (context) => context.work(context.attempt as Attempt));
  }

  /** Calls that are not finished. */
  get inFlight(): number {
    return this.#inFlight;
  }

  async run<T>(spec: CallSpec, attempt: (context: AttemptContext) => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError(spec);
    checkSpec(spec);
    const trace = new CallTrace(spec.service, spec.operation, this.#around.clock.now(), this.#newId);
    this.#log.add(trace);
    const context = new CallContext(
      spec,
      this.#service(spec.service),
      this.#around,
      this.#scopes?.current,
      trace,
      attempt,
    );
    this.#inFlight += 1;
    try {
      const value = (await this.#enter(context)) as T;
      this.#finish(context);
      return value;
    } catch (thrown) {
      // Every stage throws errors of ours; anything else is a bug of this package and shows as it is.
      if (!IntegrationError.isInstance(thrown)) throw thrown;
      const { service, operation } = spec;
      const error = annotateError(thrown, { service, operation, callId: trace.callId, attempts: trace.attempts });
      trace.code = error.code;
      this.#finish(context);
      throw error;
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) for (const drained of this.#drained.splice(0)) drained();
    }
  }

  stream<T>(
    spec: CallSpec,
    attempt: (context: AttemptContext) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    return streamThrough(this.run.bind(this), spec, attempt);
  }

  /** The stages outermost first, and every setting as resolved. */
  describe(): PipelineDescription {
    const finite = (_key: string, value: unknown) => (value === Infinity ? null : value);
    const services = Object.fromEntries([...this.#services.values()].map(({ name, policy }) => [name, policy]));
    const description = {
      stages: this.#stages.map(({ name }) => name),
      defaults: this.#defaults,
      services,
      limits: this.#limiter?.limits ?? [],
      maxConcurrent: this.#process.max,
    };
    return JSON.parse(JSON.stringify(description, finite)) as PipelineDescription;
  }

  /** The breaker of a service; undefined where it is switched off. */
  breaker(service: string): CircuitBreaker | undefined {
    return this.#service(service).breaker;
  }

  /** The breakers of all services seen or configured. */
  breakers(): ServiceBreaker[] {
    return [...this.#services.values()].flatMap(({ name, breaker }) =>
      breaker ? [{ service: name, ...breaker.snapshot() }] : [],
    );
  }

  /** What a service may still spend on retries; undefined where there is no bound. */
  budget(service: string): RetryBudget | undefined {
    return this.#service(service).budget;
  }

  /** What happened to one of the last 1,000 calls. Errors, events and attempts carry the `callId`. */
  explain(callId: string): CallRecord | undefined {
    const { clock } = this.#around;
    return this.#log.find(callId)?.toRecord(clock.now(), clock.wallNow());
  }

  /**
   * Refuses new calls with `CLOSED`, at once.
   *
   * @returns when the calls in flight have ended; each of them has a deadline
   */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  #service(name: string): ServiceState {
    const known = this.#services.get(name);
    if (known) return known;
    const policy = resolveServicePolicy(name, this.#defaults, this.#configured[name] ?? {});
    const { clock, random } = this.#around;
    const state = serviceState(name, policy, {
      clock,
      random,
      onEvent: (event, facts) => this.#events?.emit(event, facts),
    });
    this.#services.set(name, state);
    return state;
  }

  #finish({ trace, now, scope }: CallContext): void {
    trace.endedAt = now;
    if (!this.#events?.has("call.finished")) return;
    this.#events.emit("call.finished", {
      callId: trace.callId,
      service: trace.service,
      operation: trace.operation,
      outcome: trace.code === undefined ? "ok" : "error",
      ...(trace.code !== undefined && { code: trace.code }),
      attempts: trace.attempts,
      durationMs: now - trace.startedAt,
      waitedMs: trace.waitedMs,
      ...(scope?.requestId !== undefined && { requestId: scope.requestId }),
    });
  }
}

/** @throws IntegrationError `INVALID_INPUT` naming every bad option */
export function createPipeline(options: PipelineOptions = {}): Pipeline {
  return new Pipeline(options);
}

function checkOptions(options: PipelineOptions): void {
  const check = new OptionCheck("createPipeline");
  checkCallPolicy(check, "defaults.", options.defaults ?? {});
  for (const [name, policy] of Object.entries(options.services ?? {}))
    checkServicePolicy(check, `services.${name}.`, policy);
  const { max, queue } = concurrencyOf(options.maxConcurrent);
  checkConcurrency(check, "maxConcurrent", max, queue);
  check.throwIfAny();
}

/** The numbers of a call: a NaN would mean "never". */
function checkSpec(spec: CallSpec): void {
  const { deadlineMs, attemptTimeoutMs, maxAttempts } = spec;
  const fine =
    (deadlineMs === undefined || deadlineMs >= 0) &&
    (attemptTimeoutMs === undefined || attemptTimeoutMs > 0) &&
    (maxAttempts === undefined || (maxAttempts >= 1 && maxAttempts <= 100 && Number.isInteger(maxAttempts)));
  if (fine) return;
  throw new IntegrationError({
    code: "INVALID_INPUT",
    message:
      `${spec.service}.${spec.operation}: deadlineMs must be 0 or more, attemptTimeoutMs above 0 and maxAttempts a whole ` +
      `number from 1 to 100; received ${deadlineMs}, ${attemptTimeoutMs} and ${maxAttempts}`,
    service: spec.service,
    operation: spec.operation,
  });
}

function closedError({ service, operation }: CallSpec): IntegrationError {
  return refusal({
    code: "CLOSED",
    message: `${service}.${operation}: the integration is closed and takes no more calls`,
    service,
    operation,
    attempts: 0,
  });
}
