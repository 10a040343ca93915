import { type DegradedReason, IntegrationError } from "../core/index.ts";

/**
 * Why a service could not answer, where an older answer is better than none (RFC 5861 §4); undefined where the failure
 * is the answer: a wrong request stays wrong, and a caller who left wants nothing.
 */
export function degradedReason(error: IntegrationError): DegradedReason | undefined {
  if (error.status !== undefined && error.status >= 500) return "server-error";
  switch (error.code) {
    case "CIRCUIT_OPEN":
      return "circuit-open";
    case "NETWORK":
      return "network";
    case "ATTEMPT_TIMEOUT":
    case "DEADLINE_EXCEEDED":
      return "deadline";
    case "BUDGET_EXHAUSTED":
    case "OUTCOME_UNKNOWN":
      return IntegrationError.isInstance(error.cause) ? degradedReason(error.cause) : undefined;
    default:
      return undefined;
  }
}
