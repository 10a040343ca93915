import { AsyncResource } from "node:async_hooks";
import {
  abortedError,
  type AttemptContext,
  type CallScope,
  type CallSpec,
  type Clock,
  type DegradedReason,
  type EventBus,
  type IntegrationError,
  type Priority,
  type Redact,
  type Random,
  sleep,
  timeoutError,
} from "../core/index.ts";
import { type Attempt } from "./attempt.ts";
import { type CallTrace } from "./call-record.ts";
import { type DeadlineWatch, Expiring } from "./deadline-watch.ts";
import { type ServiceState } from "./service-state.ts";

/** What all calls of one pipeline share. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventBus | undefined;
  readonly deadlines: DeadlineWatch;
  /** Takes secrets out of failures. */
  readonly redact?: Redact | undefined;
  /** Runs a call like this one that nobody waits for: under its own deadline, for no caller. */
  readonly behind?: (call: CallContext, run: (behind: CallContext) => Promise<unknown>) => void;
}

/** One call on its way through the stages. */
export class CallContext extends Expiring {
  readonly spec: CallSpec;
  readonly service: ServiceState;
  readonly around: Surroundings;
  readonly scope: CallScope | undefined;
  readonly trace: CallTrace;
  readonly work: (attempt: AttemptContext) => Promise<unknown>;
  /** What attempts after a timeout run in: the host's own async storage tells users apart by it. */
  readonly #home = new AsyncResource("enhanced-integration.call");
  /** On the monotonic clock. */
  readonly deadlineAt: number;
  /** The last reading of the clock: fresh at the start, after every wait and after every attempt. */
  now: number;
  /** The attempt in flight; with hedges, the one that began first. */
  attempt: Attempt | undefined = undefined;
  /** An attempt ended without an answer: the service may have done what was asked. */
  inDoubt = false;
  /** Why the call must end, once it must. */
  cancelled: IntegrationError | undefined = undefined;
  #rivals: Set<Attempt> | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #unfollow: (() => void)[] | undefined = undefined;
  #open = false;

  constructor(
    spec: CallSpec,
    service: ServiceState,
    around: Surroundings,
    scope: CallScope | undefined,
    trace: CallTrace,
    work: (attempt: AttemptContext) => Promise<unknown>,
  ) {
    super();
    this.spec = spec;
    this.service = service;
    this.around = around;
    this.scope = scope;
    this.trace = trace;
    this.work = work;
    this.now = trace.startedAt;
    let deadlineAt = this.now + (spec.deadlineMs ?? service.policy.deadlineMs);
    if (scope?.deadlineAt !== undefined && scope.deadlineAt < deadlineAt) deadlineAt = scope.deadlineAt;
    if (spec.parent !== undefined && spec.parent.deadlineAt < deadlineAt) deadlineAt = spec.parent.deadlineAt;
    this.deadlineAt = deadlineAt;
  }

  override get home(): AsyncResource {
    return this.#home;
  }

  /** Milliseconds until the deadline as of {@link now}, never negative. */
  get remainingMs(): number {
    return Math.max(0, this.deadlineAt - this.now);
  }

  get maxAttempts(): number {
    return this.spec.maxAttempts ?? this.service.policy.maxAttempts;
  }

  get priority(): Priority {
    return this.spec.priority ?? this.scope?.priority ?? "normal";
  }

  /** Doing it again is safe, whatever became of an earlier attempt. */
  get repeatable(): boolean {
    return this.spec.idempotent === true || this.spec.idempotencyKey !== undefined;
  }

  /** Fires when the call is cancelled, with {@link cancelled} as its reason. Made when first asked for: only waits do. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.cancelled) this.#controller.abort(this.cancelled);
    }
    return this.#controller.signal;
  }

  get dueAt(): number {
    return this.deadlineAt;
  }

  /** From now on the call ends by its deadline and at the caller's wish. Whoever made the context must {@link close} it. */
  open(): void {
    if (this.#open) return;
    this.#open = true;
    const { spec, scope } = this;
    if (spec.signal) this.#follow(spec.signal);
    if (scope?.signal && scope.signal !== spec.signal) this.#follow(scope.signal);
    if (spec.parent && spec.parent.signal !== spec.signal) this.#follow(spec.parent.signal);
    if (this.deadlineAt <= this.now) this.expire();
    if (!this.cancelled && this.deadlineAt !== Infinity) this.around.deadlines.add(this, this.now);
  }

  close(): void {
    this.around.deadlines.remove(this);
    if (this.#unfollow) for (const unfollow of this.#unfollow) unfollow();
    this.#unfollow = undefined;
  }

  /** An attempt goes in. */
  enter(attempt: Attempt): void {
    if (this.attempt) (this.#rivals ??= new Set()).add(attempt);
    else this.attempt = attempt;
  }

  /** An attempt has ended. */
  leave(attempt: Attempt): void {
    if (this.attempt === attempt) this.attempt = undefined;
    else this.#rivals?.delete(attempt);
  }

  /** Lets go of all attempts in flight. */
  abandonAttempts(why: (call: this) => IntegrationError): void {
    if (!this.attempt && !this.#rivals?.size) return;
    const error = why(this);
    this.attempt?.abandon(error);
    if (this.#rivals) for (const rival of [...this.#rivals]) rival.abandon(error);
  }

  expire(): void {
    const ms = Math.max(0, this.deadlineAt - this.trace.startedAt);
    this.cancel(timeoutError("DEADLINE_EXCEEDED", this.spec, ms, { sent: this.#mayHaveBeenSent() }));
  }

  /** The caller lost interest. */
  abort(cause: unknown): void {
    this.cancel(abortedError(this.spec, cause, { sent: this.#mayHaveBeenSent() }));
  }

  /** Ends the call: the attempts in flight and any wait reject at once. The first reason stays. */
  cancel(error: IntegrationError): void {
    if (this.cancelled) return;
    this.cancelled = error;
    this.abandonAttempts(() => error);
    this.#controller?.abort(error);
  }

  /** Waits on the clock; rejects at once when the call is cancelled. */
  sleep(ms: number, reason: string): Promise<void> {
    return this.waiting(reason, () => sleep(ms, this.around.clock, this.signal));
  }

  /** Runs something that waits, and books the time. */
  async waiting<T>(reason: string, wait: () => Promise<T>): Promise<T> {
    const startedAt = this.tick();
    try {
      return await wait();
    } finally {
      this.waited(reason, startedAt);
    }
  }

  /** Books a wait that ends now. */
  waited(reason: string, startedAt: number, hedge = false): void {
    const { trace } = this;
    const durationMs = this.tick() - startedAt;
    if (durationMs <= 0) return;
    // While a hedge waits, the call does not: its first attempt is under way.
    if (!hedge) trace.waitedMs += durationMs;
    const facts = { for: reason, atMs: startedAt - trace.startedAt, durationMs };
    trace.add(hedge ? { step: "wait", ...facts, hedge } : { step: "wait", ...facts });
  }

  /** Writes down who turned the call away, and hands the error back for throwing. */
  refused(by: string, error: IntegrationError): IntegrationError {
    const { code, message, retryAfterMs } = error;
    const atMs = this.now - this.trace.startedAt;
    const facts = { by, atMs, code, message };
    this.trace.add(
      retryAfterMs === undefined ? { step: "refusal", ...facts } : { step: "refusal", ...facts, retryAfterMs },
    );
    return error;
  }

  /** Writes down that the cache answered. */
  answeredFromCache(answer: "fresh" | "stale" | "joined", ageMs: number, reason?: DegradedReason): void {
    const { trace } = this;
    trace.cached = answer === "stale" ? "stale" : "fresh";
    trace.ageMs = ageMs;
    trace.degraded = reason;
    const facts = { step: "cache" as const, answer, atMs: this.now - trace.startedAt, ageMs };
    trace.add(reason === undefined ? facts : { ...facts, reason });
  }

  /** Reads the clock. */
  tick(): number {
    return (this.now = this.around.clock.now());
  }

  #mayHaveBeenSent(): boolean {
    return this.inDoubt || this.attempt?.begun === true;
  }

  #follow(signal: AbortSignal): void {
    const onAbort = () => this.abort(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    (this.#unfollow ??= []).push(() => signal.removeEventListener("abort", onAbort));
  }
}
