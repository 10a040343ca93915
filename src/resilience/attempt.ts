import { type AttemptContext, timeoutError } from "../core/index.ts";
import { type CallContext } from "./call-context.ts";
import { type Expiring } from "./deadline-watch.ts";

/** One attempt, as the client's code sees it. */
export class Attempt implements AttemptContext, Expiring {
  readonly attempt: number;
  readonly deadlineAt: number;
  readonly idempotencyKey?: string;
  /** When the attempt's own time is up; Infinity: never before the call's. */
  readonly dueAt: number;
  readonly #call: CallContext;
  readonly #timeoutMs: number;
  readonly #reject: (error: unknown) => void;
  #abandonedFor: unknown = undefined;
  #controller: AbortController | undefined = undefined;

  constructor(call: CallContext, timeoutMs: number, reject: (error: unknown) => void) {
    this.#call = call;
    this.#timeoutMs = timeoutMs;
    this.#reject = reject;
    this.attempt = call.trace.attempts;
    this.deadlineAt = call.deadlineAt;
    this.dueAt = call.now + timeoutMs;
    if (call.spec.idempotencyKey !== undefined) this.idempotencyKey = call.spec.idempotencyKey;
  }

  get callId(): string {
    return this.#call.trace.callId;
  }

  /** Made when first asked for: an attempt without I/O never asks. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abandonedFor !== undefined) this.#controller.abort(this.#abandonedFor);
    }
    return this.#controller.signal;
  }

  remainingMs(): number {
    return Math.max(0, this.deadlineAt - this.#call.around.clock.now());
  }

  expire(): void {
    this.abandon(timeoutError("ATTEMPT_TIMEOUT", this.#call.spec, this.#timeoutMs));
  }

  /** A stream has begun to deliver: the attempt's own time stops counting. */
  answered(): void {
    this.#call.around.deadlines.remove(this);
  }

  /** Goes on without the attempt, whether it heeds its signal or not. */
  abandon(error: unknown): void {
    this.#abandonedFor = error;
    this.#reject(error);
    this.#controller?.abort(error);
  }
}
