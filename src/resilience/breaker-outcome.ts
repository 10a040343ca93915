import { type ErrorCode, outlineOfThrown } from "../core/index.ts";
import { type BreakerSettings, type Outcome } from "./breaker-step.ts";

/** Ours: the call never reached the service, or the caller lost interest. */
const saysNothing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ABORTED",
  "BUDGET_EXHAUSTED",
  "CIRCUIT_OPEN",
  "CLOSED",
  "CONFIG_INVALID",
  "FEATURE_DISABLED",
  "QUEUE_FULL",
  "RATE_LIMITED",
]);

/** The service did not answer, or not to the end. */
const noAnswer: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["ATTEMPT_TIMEOUT", "DEADLINE_EXCEEDED", "NETWORK"]);

/**
 * What a failed call says about the service's health. A throttled one (429) says nothing: the service is alive and
 * tells us to slow down, which the retry's wait does; opening the circuit would turn its slow lane into an outage. An
 * answer with 4xx or a constraint violation is a success: the service works, the request was wrong.
 *
 * @param isFailure the host's own judgement, which goes first
 */
export function outcomeOf(thrown: unknown, isFailure?: BreakerSettings["isFailure"]): Outcome {
  const error = outlineOfThrown(thrown);
  if (saysNothing.has(error.code)) return "ignored";
  const own = isFailure && asked(isFailure, thrown);
  if (own !== undefined) return own ? "failure" : "success";
  if (error.verdict === "throttled") return "ignored";
  if (error.verdict === "retryable" || error.verdict === "outcome-unknown") return "failure";
  // Also where the failure is final, as that of a stream that breaks off or falls silent half way.
  if (noAnswer.has(error.code) || (error.status ?? 0) >= 500) return "failure";
  // Without an answer from the service, a fatal error is the caller's own mistake.
  return error.status !== undefined || error.sqlState !== undefined || error.verdict === "auth" ? "success" : "ignored";
}

function asked(isFailure: NonNullable<BreakerSettings["isFailure"]>, thrown: unknown): boolean | undefined {
  try {
    return isFailure(thrown);
  } catch {
    // The host's filter must not change how the call ends.
    return undefined;
  }
}
