import { annotateError, errorFromThrown, IntegrationError } from "../../core/index.ts";
import { type CallContext } from "../call-context.ts";
import { refusal } from "../refusal.ts";
import { retryLoop } from "../retry-loop.ts";
import { finalError, mayRetry, planRetry } from "../retry-rule.ts";
import { type Next, type Stage } from "./stage.ts";

/** Tries again where that is safe and may help, after a wait, out of the service's budget. */
export const retryStage: Stage = {
  name: "retry",

  run(call, next) {
    return next(call).then(
      (value) => {
        call.service.budget?.earn();
        return value;
      },
      (thrown: unknown) => goOn(call, next, asError(call, thrown)),
    );
  },
};

function goOn(call: CallContext, next: Next, failure: IntegrationError): Promise<unknown> {
  // An answer of our own rooms ends the call here and now: under overload this is the hot path.
  if (!call.inDoubt && (call.maxAttempts <= 1 || !mayRetry(failure, call)))
    return Promise.reject(call.cancelled ?? failure);
  return tryAgain(call, next, failure);
}

async function tryAgain(call: CallContext, next: Next, failure: IntegrationError): Promise<unknown> {
  const again = async () => {
    try {
      return await next(call);
    } catch (thrown) {
      throw asError(call, thrown);
    }
  };
  // Hedges are attempts too, but no reason to wait longer.
  let failures = 0;
  try {
    const value = await retryLoop(failure, call.maxAttempts, again, (last) => beforeNext(call, last, (failures += 1)));
    call.service.budget?.earn();
    return value;
  } catch (thrown) {
    const { spec, inDoubt } = call;
    const name = `${spec.service}.${spec.operation}`;
    throw finalError(asError(call, thrown), { inDoubt, idempotent: spec.idempotent === true, name });
  }
}

/** Waits for the next attempt's moment, or throws what the call ends with. */
async function beforeNext(call: CallContext, failure: IntegrationError, failures: number): Promise<void> {
  if (call.cancelled) throw call.cancelled;
  if (!mayRetry(failure, call)) throw failure;
  const { service, around, spec, trace } = call;
  const plan = planRetry(failure, failures, call.remainingMs, service.policy, around.random);
  // The service's own words, hint included, say more than "no time left" would.
  if ("stop" in plan) throw failure;
  if (service.budget && !service.budget.trySpend()) throw call.refused("retry", exhausted(call, failure));
  around.events?.emit("retry.scheduled", {
    callId: trace.callId,
    service: spec.service,
    operation: spec.operation,
    attempt: trace.attempts + 1,
    delayMs: plan.delayMs,
  });
  await call.sleep(plan.delayMs, "backoff");
}

function exhausted(call: CallContext, cause: IntegrationError): IntegrationError {
  return refusal({
    code: "BUDGET_EXHAUSTED",
    message: `${call.service.name}: too many calls fail to retry them all; the last failure was: ${cause.message}`,
    retryAfterMs: cause.retryAfterMs,
    status: cause.status,
    cause,
  });
}

function asError({ spec }: CallContext, thrown: unknown): IntegrationError {
  const { service, operation } = spec;
  return annotateError(IntegrationError.isInstance(thrown) ? thrown : errorFromThrown(thrown, {}), {
    service,
    operation,
  });
}
