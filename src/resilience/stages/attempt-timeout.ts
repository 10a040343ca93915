import { annotateError, errorFromThrown, type IntegrationError } from "../../core/index.ts";
import { Attempt } from "../attempt.ts";
import { type CallContext } from "../call-context.ts";
import { answerLost } from "../retry-rule.ts";
import { type Next, type Stage } from "./stage.ts";

/**
 * Makes one attempt and lets go of it when its time is up or the call is cancelled, whether it heeds its signal or
 * not. Whatever it throws becomes an error of ours here, so that every room outside reads a verdict.
 */
export const attemptTimeoutStage: Stage = {
  name: "attempt timeout",

  run(context: CallContext, next: Next): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (context.cancelled) return reject(context.cancelled);
      context.trace.attempts += 1;
      const startedAt = context.now;
      const timeoutMs = timeoutOf(context);
      let settled = false;

      const fail = (thrown: unknown) => {
        if (settled) return; // Late news of an attempt that was given up.
        settled = true;
        const error = end(context, attempt, startedAt, thrown);
        reject(error);
      };
      const attempt = new Attempt(context, timeoutMs, fail);
      context.attempt = attempt;
      if (attempt.dueAt < context.deadlineAt) context.around.deadlines.add(attempt, startedAt);
      try {
        // `Promise.resolve`, because some drivers' queries are thenables and no more.
        Promise.resolve(next(context)).then((value) => {
          if (settled) return;
          settled = true;
          end(context, attempt, startedAt);
          resolve(value);
        }, fail);
      } catch (thrown) {
        fail(thrown);
      }
    });
  },
};

/** {@link CallPolicy.attemptTimeoutMs} explains the default. */
function timeoutOf({ spec, service, repeatable, maxAttempts }: CallContext): number {
  const own = spec.attemptTimeoutMs ?? service.policy.attemptTimeoutMs;
  if (own !== undefined) return own;
  return repeatable && maxAttempts > 1 ? (spec.deadlineMs ?? service.policy.deadlineMs) / 3 : Infinity;
}

function end(context: CallContext, attempt: Attempt, startedAt: number): void;
function end(context: CallContext, attempt: Attempt, startedAt: number, thrown: unknown): IntegrationError;
function end(context: CallContext, attempt: Attempt, startedAt: number, ...failure: [thrown?: unknown]): unknown {
  const { trace, around, spec } = context;
  if (attempt.dueAt !== Infinity) around.deadlines.remove(attempt);
  context.attempt = undefined;
  const durationMs = context.tick() - startedAt;
  const facts = { step: "attempt" as const, attempt: attempt.attempt, atMs: startedAt - trace.startedAt, durationMs };
  if (failure.length === 0) {
    trace.steps.push({ ...facts, outcome: "ok" });
    return undefined;
  }
  const { service, operation } = spec;
  const error = annotateError(errorFromThrown(failure[0], { service, operation, wallNow: around.clock.wallNow() }), {
    service,
    operation,
  });
  const { code, verdict, message } = error;
  if (answerLost(error)) context.inDoubt = true;
  trace.steps.push({ ...facts, outcome: "error", code, verdict, message });
  around.events?.emit("attempt.failed", {
    callId: trace.callId,
    service,
    operation,
    attempt: attempt.attempt,
    code,
    verdict,
    message,
    durationMs,
    ...(context.scope?.requestId !== undefined && { requestId: context.scope.requestId }),
  });
  return error;
}
