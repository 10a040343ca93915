import { errorFromThrown, type IntegrationError } from "../../core/index.ts";
import { type CallContext } from "../call-context.ts";
import { refusal } from "../refusal.ts";
import { retryLoop } from "../retry-loop.ts";
import { finalError, isRefusal, mayRetry, planRetry } from "../retry-rule.ts";
import { type Ending, type Next, promised, type Stage } from "./stage.ts";

/** Tries again where that is safe and may help, after a wait, out of the service's budget. */
export const retryStage: Stage = {
  name: "retry",

  around: (next) => (call, ending) => next(call, new FirstTry(call, ending, next)),
};

/** How the first attempt ends. */
class FirstTry implements Ending {
  readonly #call: CallContext;
  readonly #ending: Ending;
  readonly #next: Next;

  constructor(call: CallContext, ending: Ending, next: Next) {
    this.#call = call;
    this.#ending = ending;
    this.#next = next;
  }

  done(value: unknown): void {
    this.#call.service.budget?.earn();
    this.#ending.done(value);
  }

  failed(error: IntegrationError): void {
    const call = this.#call;
    const ending = this.#ending;
    // An answer of our own rooms ends the call here and now: under overload this is the hot path.
    if (!call.inDoubt && isRefusal(error)) return ending.failed(error);
    tryAgain(call, this.#next, error).then(
      (value) => this.done(value),
      (thrown: unknown) => ending.failed(endOf(call, thrown)),
    );
  }
}

function tryAgain(call: CallContext, next: Next, failure: IntegrationError): Promise<unknown> {
  // Hedges are attempts too, but no reason to wait longer.
  let failures = 0;
  const again = () => promised(call, next);
  return retryLoop(failure, call.maxAttempts, again, (last) => beforeNext(call, last, (failures += 1)));
}

function endOf({ spec, inDoubt }: CallContext, thrown: unknown): IntegrationError {
  const { service, operation, idempotent } = spec;
  const error = errorFromThrown(thrown, { service, operation });
  return finalError(error, { inDoubt, idempotent: idempotent === true, name: `${service}.${operation}` });
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
    ...(trace.span?.traceId !== undefined && { traceId: trace.span.traceId }),
  });
  await call.sleep(plan.delayMs, "backoff");
}

function exhausted(call: CallContext, cause: IntegrationError): IntegrationError {
  return refusal({
    code: "BUDGET_EXHAUSTED",
    message: `${call.service.name}: too many calls fail to retry them all; the last failure was: ${cause.message}`,
    retryAfterMs: cause.retryAfterMs,
    status: cause.status,
    sqlState: cause.sqlState,
    cause,
  });
}
