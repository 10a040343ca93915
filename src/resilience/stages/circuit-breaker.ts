import { type IntegrationError } from "../../core/index.ts";
import { type Attempt, isOvertaken } from "../attempt.ts";
import { type Outcome } from "../breaker-step.ts";
import { type CircuitBreaker, REFUSED } from "../circuit-breaker.ts";
import { type Gate } from "./stage.ts";

/** Each attempt asks the breaker of its service, or of the part of it, and tells it how it went. */
export class CircuitBreakerGate implements Gate {
  readonly name = "circuit breaker";

  enter(attempt: Attempt): IntegrationError | undefined {
    const { call } = attempt;
    const { breaker, whole } = call.service;
    if (whole?.isIsolated) return call.refused("circuit breaker", whole.refusal(call.now));
    if (!breaker) return undefined;
    attempt.permit = breaker.enter(call.now);
    return attempt.permit === REFUSED ? call.refused("circuit breaker", breaker.refusal(call.now)) : undefined;
  }

  leave(attempt: Attempt, failure: IntegrationError | undefined): void {
    const { breaker } = attempt.call.service;
    if (!breaker) return;
    const outcome = failure ? outcomeWithin(failure, attempt, breaker) : "success";
    breaker.leave(attempt.permit, outcome, attempt.call.now, attempt.workMs);
  }
}

/**
 * A call whose deadline passed says something about the service only if the service had a fair share of the time: half
 * of what such a call is usually given. A call that comes with its deadline nearly spent must not open the circuit.
 * One that was overtaken by a hedge has not failed; but it was slow, if it was slow.
 */
function outcomeWithin(failure: IntegrationError, { workMs, call }: Attempt, breaker: CircuitBreaker): Outcome {
  const { spec, service } = call;
  if (isOvertaken(failure)) return workMs > breaker.settings.slowCallMs ? "success" : "ignored";
  const fairMs = Math.min(spec.deadlineMs ?? Infinity, service.policy.deadlineMs) / 2;
  return failure.code === "DEADLINE_EXCEEDED" && workMs < fairMs ? "ignored" : breaker.judge(failure);
}
