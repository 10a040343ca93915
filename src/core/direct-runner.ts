import { randomUUID } from "node:crypto";
import { type AttemptContext, type CallRunner, type CallSpec } from "./call.ts";
import { abortedError, raceSignal, timeoutError } from "./deadline.ts";
import { annotateError, IntegrationError } from "./errors.ts";
import { errorFromThrown } from "./judge-thrown.ts";
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
    const { parent } = spec;
    const ownMs = spec.deadlineMs ?? options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    const deadlineMs = parent ? Math.min(ownMs, parent.deadlineAt - clock.now()) : ownMs;
    const deadlineAt = clock.now() + deadlineMs;
    let sent = false;
    const linked = new LinkedSignal()
      .follow(spec.signal, (cause) => abortedError(spec, cause, { sent }))
      .follow(parent?.signal, (cause) => abortedError(spec, cause, { sent }))
      .after(deadlineMs, clock, () => timeoutError("DEADLINE_EXCEEDED", spec, deadlineMs, { sent }));
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
      sent = true;
      return await raceSignal(attempt(context), signal);
    } catch (thrown) {
      const error = signal.aborted && IntegrationError.isInstance(signal.reason) ? signal.reason : thrown;
      const { service, operation } = spec;
      const known = errorFromThrown(error, { service, operation, wallNow: clock.wallNow() });
      throw annotateError(known, { service, operation, callId, attempts: sent ? 1 : 0 });
    } finally {
      linked.dispose();
    }
  };
  return { run, stream: (spec, attempt) => streamThrough(run, spec, attempt) };
}
