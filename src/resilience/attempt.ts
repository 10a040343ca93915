import { type AsyncResource } from "node:async_hooks";
import {
  annotateError,
  type AttemptContext,
  type CallSpec,
  errorFromThrown,
  IntegrationError,
  redactThrown,
  timeoutError,
} from "../core/index.ts";
import { type CallContext } from "./call-context.ts";
import { Expiring } from "./deadline-watch.ts";
import { stackless } from "./refusal.ts";
import { answerLost } from "./retry-rule.ts";
import { type Ending, type Gate } from "./stages/stage.ts";

/**
 * One attempt: it passes the gates, does the work, and leaves by the gates it came in by. No gate on its way needs a
 * promise of its own: where nothing waits, the way in and the way out are plain function calls.
 *
 * This is also the attempt's context, as the client's code sees it.
 */
export class Attempt extends Expiring implements AttemptContext {
  readonly call: CallContext;
  readonly hedge: boolean;
  readonly deadlineAt: number;
  readonly idempotencyKey?: string;
  /** Set when its work begins, from 1. */
  attempt = 0;
  /** When the work began, on the monotonic clock. */
  startedAt = 0;
  /** How long the work took, once it has ended; 0 if it never began. */
  workMs = 0;
  /** When the attempt's own time is up; Infinity: never before the call's. */
  dueAt = Infinity;
  /** The breaker's permit. */
  permit = 0;
  readonly #gates: readonly Gate[];
  readonly #ending: Ending;
  /** Gates behind us. */
  #passed = 0;
  #waitsSince: number | undefined = undefined;
  #settled = false;
  #answered = false;
  #timeoutMs = Infinity;
  #abandonedFor: IntegrationError | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #tell: ((reason: unknown) => void) | undefined = undefined;

  constructor(call: CallContext, gates: readonly Gate[], ending: Ending) {
    super();
    this.call = call;
    // Whoever enters while another attempt is in flight is there to overtake it.
    this.hedge = call.attempt !== undefined;
    this.deadlineAt = call.deadlineAt;
    if (call.spec.idempotencyKey !== undefined) this.idempotencyKey = call.spec.idempotencyKey;
    this.#gates = gates;
    this.#ending = ending;
    call.enter(this);
  }

  get callId(): string {
    return this.call.trace.callId;
  }

  get traceId(): string | undefined {
    return this.call.trace.span?.traceId;
  }

  override get home(): AsyncResource {
    return this.call.home;
  }

  /** The work has begun: the service may have seen it. */
  get begun(): boolean {
    return this.attempt > 0;
  }

  /** It has ended, or was given up. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Made when first asked for: an attempt without I/O never asks. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abandonedFor) this.#controller.abort(this.#abandonedFor);
    }
    return this.#controller.signal;
  }

  onAbort(tell: (reason: unknown) => void): void {
    const before = this.#tell;
    if (this.#abandonedFor) tell(this.#abandonedFor);
    else this.#tell = before ? (reason) => (before(reason), tell(reason)) : tell;
  }

  remainingMs(): number {
    return Math.max(0, this.deadlineAt - this.call.around.clock.now());
  }

  /** Goes on as far as it can without waiting. */
  go(): void {
    const gates = this.#gates;
    try {
      while (this.#passed < gates.length) {
        const gate = gates[this.#passed] as Gate;
        const answer = gate.enter(this);
        if (answer) return answer instanceof Promise ? this.#await(gate, answer) : this.#fail(answer);
        this.#passed += 1;
      }
      if (this.call.cancelled) this.#fail(this.call.cancelled);
      else this.#work();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** Bounds what the attempt may take from now on. */
  limitTo(timeoutMs: number): void {
    const { call } = this;
    this.#timeoutMs = timeoutMs;
    this.dueAt = call.now + timeoutMs;
    if (this.dueAt < this.deadlineAt) call.around.deadlines.add(this, call.now);
  }

  unlimit(): void {
    this.call.around.deadlines.remove(this);
  }

  expire(): void {
    const { spec } = this.call;
    this.abandon(
      this.#answered ? silence(spec, this.#timeoutMs) : timeoutError("ATTEMPT_TIMEOUT", spec, this.#timeoutMs),
    );
  }

  answered(): void {
    this.#answered = true;
    this.unlimit();
  }

  awaiting(): void {
    const { spec, service } = this.call;
    const idleMs = spec.idleTimeoutMs ?? service.policy.idleTimeoutMs;
    if (idleMs === Infinity || this.#settled) return;
    this.call.tick();
    this.limitTo(idleMs);
  }

  /** Goes on without the attempt, whether it heeds its signal or not. */
  abandon(error: IntegrationError): void {
    if (this.#settled) return;
    this.#abandonedFor = error;
    this.#fail(error);
    this.#tell?.(error);
    this.#controller?.abort(error);
  }

  #await(gate: Gate, wait: Promise<void>): void {
    this.#waitsSince = this.call.tick();
    wait.then(
      () => {
        // It was abandoned while it waited: what the gate gave goes back.
        if (this.#settled) return gate.leave?.(this, this.#abandonedFor);
        this.#booked(gate);
        this.#passed += 1;
        this.go();
      },
      (thrown: unknown) => this.#fail(thrown),
    );
  }

  #booked(gate: Gate): void {
    if (this.#waitsSince === undefined) return;
    this.call.waited(gate.name, this.#waitsSince, this.hedge);
    this.#waitsSince = undefined;
  }

  #work(): void {
    const { call } = this;
    this.startedAt = call.now;
    this.attempt = call.trace.attempts += 1;
    const result = call.work(this);
    // Some drivers' queries are thenables and no more.
    (result instanceof Promise ? result : Promise.resolve(result)).then(
      (value) => this.#succeed(value),
      (thrown: unknown) => this.#fail(thrown),
    );
  }

  #succeed(value: unknown): void {
    if (this.#settled) return; // Late news of an attempt that was given up.
    this.#settled = true;
    const { trace } = this.call;
    const { attempt, startedAt } = this;
    this.workMs = this.call.tick() - startedAt;
    const atMs = startedAt - trace.startedAt;
    const durationMs = this.workMs;
    trace.add(
      this.hedge
        ? { step: "attempt", attempt, atMs, durationMs, outcome: "ok", hedge: true }
        : { step: "attempt", attempt, atMs, durationMs, outcome: "ok" },
    );
    this.#leave(undefined);
    this.#ending.done(value);
  }

  #fail(raw: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    const { call } = this;
    const { service, operation } = call.spec;
    const { redact } = call.around;
    // Before anything reads it: what is made of a text, or cut out of it, may hold half a secret. Refusals are our own words.
    const thrown = redact && (this.begun || !IntegrationError.isInstance(raw)) ? redactThrown(raw, redact) : raw;
    const error = IntegrationError.isInstance(thrown)
      ? annotateError(thrown, { service, operation })
      : stackless(() => errorFromThrown(thrown, { service, operation, wallNow: call.around.clock.wallNow() }));
    if (this.begun) this.#failed(error);
    else if (this.#waitsSince !== undefined) this.#booked(this.#gates[this.#passed] as Gate);
    this.#leave(error);
    this.#ending.failed(error);
  }

  #failed(error: IntegrationError): void {
    const { call, attempt, startedAt } = this;
    const { trace, around, spec, scope } = call;
    const { code, verdict, message } = error;
    this.workMs = call.tick() - startedAt;
    const { workMs: durationMs } = this;
    const overtaken = isOvertaken(error);
    if (!overtaken && answerLost(error)) call.inDoubt = true;
    const outcome = overtaken ? "cancelled" : "error";
    const facts = { attempt, atMs: startedAt - trace.startedAt, durationMs, outcome, code, verdict, message } as const;
    trace.add(this.hedge ? { step: "attempt", ...facts, hedge: true } : { step: "attempt", ...facts });
    if (overtaken) return;
    around.events?.emit("attempt.failed", {
      callId: trace.callId,
      service: spec.service,
      operation: spec.operation,
      attempt,
      code,
      verdict,
      message,
      durationMs,
      ...(scope?.requestId !== undefined && { requestId: scope.requestId }),
      ...(trace.span?.traceId !== undefined && { traceId: trace.span.traceId }),
    });
  }

  #leave(failure: IntegrationError | undefined): void {
    this.call.leave(this);
    for (let index = this.#passed - 1; index >= 0; index -= 1) this.#gates[index]?.leave?.(this, failure);
  }
}

/** A stream that stopped half way: what was delivered cannot be taken back, so it is not tried again. */
function silence(spec: CallSpec, ms: number): IntegrationError {
  return new IntegrationError({
    code: "ATTEMPT_TIMEOUT",
    message:
      `${spec.service}.${spec.operation}: the stream fell silent for more than ${Math.round(ms)} ms; ` +
      "raise idleTimeoutMs if the service is known to pause",
    verdict: spec.idempotent ? "fatal" : "outcome-unknown",
    service: spec.service,
    operation: spec.operation,
  });
}

const overtaken = new WeakSet<IntegrationError>();

/** Marks the error with which the losers of a race are let go. */
export function asOvertaken(error: IntegrationError): IntegrationError {
  overtaken.add(error);
  return error;
}

/** Was the attempt let go because another one of its call was faster? */
export function isOvertaken(error: IntegrationError): boolean {
  return overtaken.has(error);
}
