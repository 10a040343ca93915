import { type Clock, type IntegrationError, LinkedSignal, raceSignal } from "../../core/index.ts";
import { type OllamaErrorKind, ollamaError } from "./errors.ts";

export type WaitKind = Extract<OllamaErrorKind, "connect_timeout" | "first_byte_timeout" | "idle_timeout">;

const waits: Readonly<Record<WaitKind, readonly [what: string, option: string]>> = {
  connect_timeout: ["did not answer a light question", "connectTimeoutMs"],
  first_byte_timeout: ["sent nothing (is it loading a model that does not fit?)", "firstByteTimeoutMs"],
  idle_timeout: ["went silent in the middle of an answer", "idleTimeoutMs"],
};

/**
 * Guards the waits of one request: each has its own bound, and its own words when it is passed. Time that the consumer
 * takes between two waits does not count. A passed bound aborts the request; so does the parent.
 */
export class Watchdog {
  readonly #linked = new LinkedSignal();
  readonly #clock: Clock;

  constructor(clock: Clock, parent: AbortSignal) {
    this.#clock = clock;
    this.#linked.follow(parent);
  }

  get signal(): AbortSignal {
    return this.#linked.signal;
  }

  /** @throws IntegrationError ATTEMPT_TIMEOUT after `ms`; the parent's reason if it fires */
  async within<T>(ms: number, kind: WaitKind, wait: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const timer = ms === Infinity ? undefined : this.#clock.setTimer(() => this.#linked.abort(timedOut(kind, ms)), ms);
    try {
      return await raceSignal(wait(), this.signal);
    } finally {
      timer?.cancel();
    }
  }

  /** Ends what is still running and releases every listener. */
  dispose(): void {
    this.#linked.abort(undefined);
    this.#linked.dispose();
  }
}

function timedOut(kind: WaitKind, ms: number): IntegrationError {
  const [what, option] = waits[kind];
  return ollamaError("ATTEMPT_TIMEOUT", kind, `the server ${what} for ${ms} ms; raise ${option} if that is normal`);
}
