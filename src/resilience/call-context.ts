import {
  abortedError,
  type AttemptContext,
  type CallScope,
  type CallSpec,
  type Clock,
  type EventBus,
  type IntegrationError,
  type Random,
  sleep,
  timeoutError,
} from "../core/index.ts";
import { type Attempt } from "./attempt.ts";
import { type CallTrace } from "./call-record.ts";
import { type DeadlineWatch, type Expiring } from "./deadline-watch.ts";
import { type ServiceState } from "./service-state.ts";

/** What all calls of one pipeline share. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventBus | undefined;
  readonly deadlines: DeadlineWatch;
}

/** One call on its way through the stages. */
export class CallContext implements Expiring {
  readonly spec: CallSpec;
  readonly service: ServiceState;
  readonly around: Surroundings;
  readonly scope: CallScope | undefined;
  readonly trace: CallTrace;
  readonly work: (attempt: AttemptContext) => Promise<unknown>;
  /** On the monotonic clock. */
  readonly deadlineAt: number;
  /** The last reading of the clock: fresh at the start, after every wait and after every attempt. */
  now: number;
  /** The attempt in flight. */
  attempt: Attempt | undefined = undefined;
  /** An attempt ended without an answer: the service may have done what was asked. */
  inDoubt = false;
  /** Why the call must end, once it must. */
  cancelled: IntegrationError | undefined = undefined;
  #controller: AbortController | undefined = undefined;

  constructor(
    spec: CallSpec,
    service: ServiceState,
    around: Surroundings,
    scope: CallScope | undefined,
    trace: CallTrace,
    work: (attempt: AttemptContext) => Promise<unknown>,
  ) {
    this.spec = spec;
    this.service = service;
    this.around = around;
    this.scope = scope;
    this.trace = trace;
    this.work = work;
    this.now = trace.startedAt;
    const own = this.now + (spec.deadlineMs ?? service.policy.deadlineMs);
    this.deadlineAt = scope?.deadlineAt === undefined ? own : Math.min(own, scope.deadlineAt);
  }

  /** Milliseconds until the deadline as of {@link now}, never negative. */
  get remainingMs(): number {
    return Math.max(0, this.deadlineAt - this.now);
  }

  get maxAttempts(): number {
    return this.spec.maxAttempts ?? this.service.policy.maxAttempts;
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

  expire(): void {
    const ms = Math.max(0, this.deadlineAt - this.trace.startedAt);
    this.cancel(timeoutError("DEADLINE_EXCEEDED", this.spec, ms, { sent: this.#mayHaveBeenSent() }));
  }

  /** The caller lost interest. */
  abort(cause: unknown): void {
    this.cancel(abortedError(this.spec, cause, { sent: this.#mayHaveBeenSent() }));
  }

  /** Ends the call: the attempt in flight and any wait reject at once. The first reason stays. */
  cancel(error: IntegrationError): void {
    if (this.cancelled) return;
    this.cancelled = error;
    this.attempt?.abandon(error);
    this.#controller?.abort(error);
  }

  /** Waits on the clock; rejects at once when the call is cancelled. */
  async sleep(ms: number, reason: string): Promise<void> {
    await this.waiting(reason, () => sleep(ms, this.around.clock, this.signal));
  }

  /** Runs something that waits, and books the time. */
  async waiting<T>(reason: string, wait: () => Promise<T>): Promise<T> {
    const startedAt = this.tick();
    try {
      return await wait();
    } finally {
      const durationMs = this.tick() - startedAt;
      this.trace.waitedMs += durationMs;
      if (durationMs > 0)
        this.trace.steps.push({ step: "wait", for: reason, atMs: startedAt - this.trace.startedAt, durationMs });
    }
  }

  /** Writes down who turned the call away, and hands the error back for throwing. */
  refused(by: string, error: IntegrationError): IntegrationError {
    const { code, message, retryAfterMs } = error;
    const atMs = this.now - this.trace.startedAt;
    this.trace.steps.push({
      step: "refusal",
      by,
      atMs,
      code,
      message,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
    return error;
  }

  /** Reads the clock. */
  tick(): number {
    return (this.now = this.around.clock.now());
  }

  #mayHaveBeenSent(): boolean {
    return this.inDoubt || this.attempt !== undefined;
  }
}
