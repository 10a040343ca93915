import { IntegrationError } from "../../core/index.ts";
import { outcomeOf } from "../breaker-outcome.ts";
import { type Outcome } from "../breaker-step.ts";
import { type CallContext } from "../call-context.ts";
import { REFUSED } from "../circuit-breaker.ts";
import { type Next, type Stage } from "./stage.ts";

/** Each attempt asks the service's breaker, and tells it how it went. */
export const circuitBreakerStage: Stage = {
  name: "circuit breaker",

  async run(context: CallContext, next: Next): Promise<unknown> {
    const { breaker } = context.service;
    if (!breaker) return next(context);
    const startedAt = context.now;
    const permit = breaker.enter(startedAt);
    if (permit === REFUSED) throw context.refused("circuit breaker", breaker.refusal(startedAt));
    const waitedBefore = context.trace.waitedMs;
    const serviceMs = () => context.now - startedAt - (context.trace.waitedMs - waitedBefore);
    try {
      const value = await next(context);
      breaker.leave(permit, "success", context.now, serviceMs());
      return value;
    } catch (thrown) {
      breaker.leave(permit, outcomeWithin(thrown, serviceMs(), context), context.now, serviceMs());
      throw thrown;
    }
  },
};

/**
 * A call whose deadline passed says something about the service only if the service had a fair share of the time: half
 * of what such a call is usually given. A call that comes with its deadline nearly spent must not open the circuit.
 */
function outcomeWithin(thrown: unknown, serviceMs: number, { spec, service }: CallContext): Outcome {
  const deadlinePassed = IntegrationError.isInstance(thrown) && thrown.code === "DEADLINE_EXCEEDED";
  const fairMs = Math.min(spec.deadlineMs ?? Infinity, service.policy.deadlineMs) / 2;
  return deadlinePassed && serviceMs < fairMs ? "ignored" : outcomeOf(thrown);
}
