import {
  type AttemptContext,
  type CallRunner,
  type CallScope,
  type CallScopes,
  type CallSpec,
  type CallTracer,
  type EventBus,
  type IntegrationError,
  type Redact,
  streamThrough,
  systemClock,
  systemRandom,
} from "../core/index.ts";
import { AnswerCache } from "./answer-cache.ts";
import { Bulkhead } from "./bulkhead.ts";
import { CallContext, type Surroundings } from "./call-context.ts";
import { CallLog, type CallRecord, CallTrace } from "./call-record.ts";
import { checkPipelineOptions, checkSpec, closedError } from "./check-pipeline.ts";
import { type CircuitBreaker } from "./circuit-breaker.ts";
import { countedIds } from "./counted-ids.ts";
import { DeadlineWatch } from "./deadline-watch.ts";
import { describePipeline } from "./describe-pipeline.ts";
import {
  type AnswerWithMeta,
  type Occupancy,
  type PipelineDescription,
  type PipelineOptions,
  type ServiceBreaker,
  type ServiceMode,
  type ServiceReport,
} from "./pipeline-options.ts";
import { concurrencyOf, DEFAULT_POLICY, resolveCallPolicy, type ResolvedCallPolicy } from "./policy.ts";
import { type RateLimiter } from "./rate-limiter.ts";
import { type RetryBudget } from "./retry-budget.ts";
import { ServiceRegistry } from "./service-registry.ts";
import { occupancyOf } from "./service-state.ts";
import { AttemptTimeoutGate } from "./stages/attempt-timeout.ts";
import { CircuitBreakerGate } from "./stages/circuit-breaker.ts";
import { ConcurrencyGate } from "./stages/concurrency.ts";
import { deadlineStage } from "./stages/deadline.ts";
import { answerKey, degradationStage } from "./stages/degradation.ts";
import { hedgeStage } from "./stages/hedge.ts";
import { RateLimitGate } from "./stages/rate-limit.ts";
import { retryStage } from "./stages/retry.ts";
import { ServiceLimitGate } from "./stages/service-limit.ts";
import { compose, type Gate, type Next, type Stage } from "./stages/stage.ts";
import { traced } from "./traced.ts";
import { WholeCall } from "./whole-call.ts";

/** Calls that {@link Pipeline.explain} remembers. */
const REMEMBERED_CALLS = 1_000;

/**
 * Runs calls under a deadline, with safe retries, a circuit breaker, rate limits and bounded concurrency; from a cache
 * and with hedges where asked for.
 *
 * @example
 * const pipeline = createPipeline({ services: { geocoder: { maxAttempts: 3, concurrency: 8 } } });
 * const spec = { service: "geocoder", operation: "lookup", idempotent: true };
 * const place = await pipeline.run(spec, ({ signal }) => lookUp(address, signal));
 */
export class Pipeline implements CallRunner {
  readonly redact?: Redact;
  readonly #around: Surroundings;
  readonly #scopes: CallScopes | undefined;
  readonly #events: EventBus | undefined;
  readonly #limiter: RateLimiter | undefined;
  readonly #tracer: CallTracer | undefined;
  readonly #defaults: ResolvedCallPolicy;
  readonly #services: ServiceRegistry;
  readonly #process: Bulkhead;
  readonly #answers: AnswerCache;
  readonly #stages: readonly Stage[];
  readonly #gates: readonly Gate[];
  readonly #enter: Next;
  readonly #newId: () => string;
  readonly #log: CallLog;
  readonly #drained: (() => void)[] = [];
  readonly #onEnd = (call: CallContext): void => this.#end(call);
  #inFlight = 0;
  #closed = false;

  /** @throws IntegrationError `INVALID_INPUT` naming every bad option */
  constructor(options: PipelineOptions = {}) {
    checkPipelineOptions(options);
    const clock = options.clock ?? systemClock;
    const random = options.random ?? systemRandom;
    this.#events = options.events;
    if (options.redact) this.redact = options.redact;
    this.#around = {
      clock,
      random,
      events: options.events,
      deadlines: new DeadlineWatch(clock),
      redact: options.redact,
      behind: (call, run) => this.#behind(call, run),
    };
    this.#scopes = options.scopes;
    this.#limiter = options.limiter;
    this.#tracer = options.tracer;
    this.#newId = options.idFactory ?? countedIds();
    this.#defaults = resolveCallPolicy(DEFAULT_POLICY, options.defaults ?? {});
    this.#process = new Bulkhead("this process", concurrencyOf(options.maxConcurrent), this.#around);
    this.#answers = new AnswerCache(options.cache);
    this.#log = new CallLog(options.remember ?? REMEMBERED_CALLS);
    this.#services = new ServiceRegistry({
      around: this.#around,
      defaults: this.#defaults,
      configured: options.services ?? {},
      onEvent: (event, facts) => this.#events?.emit(event, facts),
      fleet: options.fleet,
    });
    // Outermost first. Retry stands outside the breaker and the limiter, so that every attempt is counted and charged.
    this.#stages = [degradationStage(this.#answers), deadlineStage, retryStage, hedgeStage];
    this.#gates = [
      new CircuitBreakerGate(),
      new RateLimitGate(options.limiter),
      ...(options.outbound ? [new ServiceLimitGate(options.outbound)] : []),
      new ConcurrencyGate(this.#process),
      new AttemptTimeoutGate(),
    ];
    this.#enter = compose(this.#stages, this.#gates);
  }

  /** Calls that are not finished. */
  get inFlight(): number {
    return this.#inFlight;
  }

  run<T>(spec: CallSpec, attempt: (context: AttemptContext) => Promise<T>): Promise<T> {
    const refused = this.#refuse(spec);
    if (refused) return Promise.reject(refused);
    return this.#finish(this.#begin(spec, attempt, this.#scopes?.current), this.#enter) as Promise<T>;
  }

  /** {@link run}, and how the answer came about: from the cache, after how many attempts, degraded and why. */
  async runWithMeta<T>(spec: CallSpec, attempt: (context: AttemptContext) => Promise<T>): Promise<AnswerWithMeta<T>> {
    const refused = this.#refuse(spec);
    if (refused) throw refused;
    const call = this.#begin(spec, attempt, this.#scopes?.current);
    const value = (await this.#finish(call, this.#enter)) as T;
    return { value, meta: call.trace.meta };
  }

  /** Neither cached nor hedged: a stream is delivered once. */
  stream<T>(
    spec: CallSpec,
    attempt: (context: AttemptContext) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    const { cache: _, ...rest } = spec;
    return streamThrough(this.run.bind(this), { ...rest, hedge: false }, attempt);
  }

  /**
   * While a service is read-only, calls that write are refused with `READ_ONLY`. It is for as long as anybody says so:
   * `read-write` takes back what the same `by` said.
   */
  setMode(service: string, mode: ServiceMode, reason: string, by = "host"): void {
    const before = this.mode(service);
    this.#services.get(service).hold(by, mode === "read-only" ? reason : undefined);
    const after = this.mode(service);
    if (after !== before) this.#events?.emit("service.mode_changed", { service, mode: after, reason });
  }

  mode(service: string): ServiceMode {
    return this.#services.get(service).own.readOnly === undefined ? "read-write" : "read-only";
  }

  /** Forgets a cached answer, because it is known to be wrong now. @returns whether there was one */
  forget(service: string, operation: string, key: string): boolean {
    return this.#answers.delete(answerKey(service, operation, key));
  }

  /** The rooms outermost first, and every setting as resolved. */
  describe(): PipelineDescription {
    return describePipeline({
      rooms: [...this.#stages, ...this.#gates],
      defaults: this.#defaults,
      services: this.#services.all,
      limits: this.#limiter?.limits ?? [],
      process: this.#process,
      cache: this.#answers.options,
    });
  }

  /**
   * The breaker of a service, or of a part of it; undefined where it is switched off. A service's own counts the calls
   * that name no part; isolated by hand, it holds back the parts as well.
   */
  breaker(service: string, part?: string): CircuitBreaker | undefined {
    return this.#services.of({ service, part }).breaker;
  }

  /** The breakers of all services, and of all parts of them, seen or configured. */
  breakers(): ServiceBreaker[] {
    return this.services().flatMap(({ name, part, breaker }) =>
      breaker ? [part === undefined ? { service: name, ...breaker } : { service: name, part, ...breaker }] : [],
    );
  }

  /** What a service, or a part of it, may still spend on retries and hedges; undefined where there is no bound. */
  budget(service: string, part?: string): RetryBudget | undefined {
    return this.#services.of({ service, part }).budget;
  }

  /** Attempts of a service, or of a part of it: in flight, in line, and how many it may have now. */
  concurrency(service: string, part?: string): Occupancy {
    return occupancyOf(this.#services.of({ service, part }));
  }

  /** What is known of each service seen or configured, its parts behind it. */
  services(): ServiceReport[] {
    return this.#services.all.flatMap(({ name, states }) =>
      states.map((state) => {
        const { part, breaker, budget } = state;
        return { name, part, breaker: breaker?.snapshot(), budget: budget?.toJSON(), ...occupancyOf(state) };
      }),
    );
  }

  /** What happened to one of the last calls. Errors, events and attempts carry the `callId`. */
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

  #refuse(spec: CallSpec): IntegrationError | undefined {
    return this.#closed ? closedError(spec) : checkSpec(spec);
  }

  #begin(
    spec: CallSpec,
    work: (context: AttemptContext) => Promise<unknown>,
    scope: CallScope | undefined,
    behind = false,
  ): CallContext {
    const service = this.#services.of(spec);
    const trace = new CallTrace(spec.service, spec.operation, this.#around.clock.now(), this.#newId);
    this.#log.add(trace);
    this.#inFlight += 1;
    const watched = this.#tracer === undefined ? work : traced(this.#tracer, trace, work, behind);
    return new CallContext(spec, service, this.#around, scope, trace, watched);
  }

  /** The one promise of a call that waits for nothing but its work. */
  #finish(call: CallContext, enter: Next): Promise<unknown> {
    return new Promise((resolve, reject) => enter(call, new WholeCall(call, this.#onEnd, resolve, reject)));
  }

  /** A call that nobody waits for: for no caller, and after everybody else. */
  #behind({ spec, work }: CallContext, run: (behind: CallContext) => Promise<unknown>): void {
    if (this.#closed) return;
    const { signal: _, parent: __, ...rest } = spec;
    const call = this.#begin({ ...rest, priority: "low" }, work, undefined, true);
    const enter: Next = (own, ending) =>
      void run(own).then(
        (value) => ending.done(value),
        (error: IntegrationError) => ending.failed(error),
      );
    const start = () => this.#finish(call, enter).catch(() => undefined);
    void (this.#scopes ? this.#scopes.outside(start) : start());
  }

  #end(call: CallContext): void {
    const { trace, now, scope } = call;
    call.close();
    trace.endedAt = now;
    if (trace.span !== undefined) trace.span.end(trace);
    this.#inFlight -= 1;
    if (this.#inFlight === 0 && this.#closed) for (const drained of this.#drained.splice(0)) drained();
    if (!this.#events?.has("call.finished")) return;
    this.#events.emit("call.finished", trace.finished(scope?.requestId));
  }
}

/** @throws IntegrationError `INVALID_INPUT` naming every bad option */
export function createPipeline(options: PipelineOptions = {}): Pipeline {
  return new Pipeline(options);
}
