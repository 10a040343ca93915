import { annotateError, errorFromThrown, IntegrationError } from "../../core/index.ts";
import { type CallContext } from "../call-context.ts";
import { refusal } from "../refusal.ts";
import { retryLoop } from "../retry-loop.ts";
import { finalError, mayRetry, planRetry } from "../retry-rule.ts";
import { type Next, type Stage } from "./stage.ts";

/** Tries again where that is safe and may help, after a wait, out of the service's budget. */
export const retryStage: Stage = {
  name: "retry",

  async run(context: CallContext, next: Next): Promise<unknown> {
    try {
      const value = await next(context);
      context.service.budget?.earn();
      return value;
    } catch (thrown) {
      return goOn(context, next, asError(context, thrown));
    }
  },
};

async function goOn(context: CallContext, next: Next, failure: IntegrationError): Promise<unknown> {
  const again = async () => {
    try {
      return await next(context);
    } catch (thrown) {
      throw asError(context, thrown);
    }
  };
  try {
    const value = await retryLoop(failure, context.maxAttempts, again, (last) => beforeNext(context, last));
    context.service.budget?.earn();
    return value;
  } catch (thrown) {
    const { spec, inDoubt } = context;
    const name = `${spec.service}.${spec.operation}`;
    throw finalError(asError(context, thrown), { inDoubt, idempotent: spec.idempotent === true, name });
  }
}

/** Waits for the next attempt's moment, or throws what the call ends with. */
async function beforeNext(context: CallContext, failure: IntegrationError): Promise<void> {
  if (context.cancelled) throw context.cancelled;
  if (!mayRetry(failure, context)) throw failure;
  const { service, around, spec, trace } = context;
  const plan = planRetry(failure, trace.attempts, context.remainingMs, service.policy, around.random);
  // The service's own words, hint included, say more than "no time left" would.
  if ("stop" in plan) throw failure;
  if (service.budget && !service.budget.trySpend()) throw context.refused("retry", exhausted(context, failure));
  around.events?.emit("retry.scheduled", {
    callId: trace.callId,
    service: spec.service,
    operation: spec.operation,
    attempt: trace.attempts + 1,
    delayMs: plan.delayMs,
  });
  await context.sleep(plan.delayMs, "backoff");
}

function exhausted(context: CallContext, cause: IntegrationError): IntegrationError {
  return refusal({
    code: "BUDGET_EXHAUSTED",
    message: `${context.service.name}: too many calls fail to retry them all; the last failure was: ${cause.message}`,
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
