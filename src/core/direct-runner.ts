import { randomUUID } from "node:crypto";
import { type AttemptContext, type CallRunner, type CallSpec } from "./call.ts";
import { abortedError, raceSignal, timeoutError } from "./deadline.ts";
import { annotateError, IntegrationError, toIntegrationError } from "./errors.ts";
import { LinkedSignal } from "./linked-signal.ts";
import { type Clock, systemClock } from "./ports.ts";
import { streamThrough } from "./stream-call.ts";

/** The deadline of a call that names none, ms (REQUEST_TIMEOUT of the plan). */
export const DEFAULT_DEADLINE_MS = 30_000;

/**
 * The bare runner of a client that stands alone: one attempt under a deadline, no retry, no breaker, no limit. Give a
 * client the pipeline of `enhanced-integration/resilience` for the rest.
 */
export function directRunner(options: { clock?: Clock; deadlineMs?: number } = {}): CallRunner {
  const clock = options.clock ?? systemClock;
  const run = async <T>(spec: CallSpec, attempt: (context: AttemptContext) => Promise<T>): Promise<T> => {
    const callId = randomUUID();
    const deadlineMs = spec.deadlineMs ?? options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    const deadlineAt = clock.now() + deadlineMs;
    const linked = new LinkedSignal()
      .follow(spec.signal, (cause) => abortedError(spec, cause))
      .after(deadlineMs, clock, () => timeoutError("DEADLINE_EXCEEDED", spec, deadlineMs));
    const { signal } = linked;
    const context: AttemptContext = {
      callId,
      attempt: 1,
      signal,
      deadlineAt,
      remainingMs: () => Math.max(0, deadlineAt - clock.now()),
      ...(spec.idempotencyKey !== undefined && { idempotencyKey: spec.idempotencyKey }),
    };
    try {
      signal.throwIfAborted();
      return await raceSignal(attempt(context), signal);
    } catch (thrown) {
      const error = signal.aborted && IntegrationError.isInstance(signal.reason) ? signal.reason : thrown;
      const facts = { service: spec.service, operation: spec.operation, callId, attempts: 1 };
      throw annotateError(toIntegrationError(error, { code: "NETWORK", verdict: "fatal" }), facts);
    } finally {
      linked.dispose();
    }
  };
  return { run, stream: (spec, attempt) => streamThrough(run, spec, attempt) };
}
