import { IntegrationError } from "../../core/index.ts";
import { type ErrorReader } from "../http/transport.ts";
import { field, readRun, readText } from "./read-wire.ts";

/** The service's words of a failed answer: `{error: {code, message}}`, its flat variant, or a failed run in place of both. */
export const readError: ErrorReader = (status, body) => {
  const run = readRun(body);
  const error = field(body, "error");
  const source = typeof error === "object" && error !== null ? error : body;
  const code = (readText(source, "code") ?? readText(body, "error_code"))?.toUpperCase();
  const message = readText(source, "message") ?? (typeof error === "string" ? error : undefined);
  const details = { ...(code !== undefined && { tinyfishCode: code }), ...(run && { runId: run.runId }) };
  return {
    // Asking for the key again does not fill the wallet.
    ...((code === "INSUFFICIENT_CREDITS" || status === 402) && {
      code: "FORBIDDEN" as const,
      verdict: "fatal" as const,
    }),
    ...(message !== undefined && { message: code === undefined ? message : `${code}: ${message}` }),
    ...(Object.keys(details).length > 0 && { details }),
  };
};

/** `200 {run_id: null, error: {…}}`: nothing was created. */
export function creationRefused(body: unknown, operation: string): IntegrationError {
  const error = field(body, "error");
  const code = readText(error, "code")?.toUpperCase();
  const words = [code, readText(error, "message")].filter(Boolean).join(": ");
  const isMoney = code === "INSUFFICIENT_CREDITS";
  return new IntegrationError({
    code:
      isMoney || code === "FORBIDDEN" ? "FORBIDDEN" : code === "INVALID_INPUT" ? "INVALID_INPUT" : "UPSTREAM_STATUS",
    verdict: "fatal",
    message: `tinyfish.${operation}: the service created no run: ${words || "no reason given"}`,
    service: "tinyfish",
    operation,
    ...(code !== undefined && { details: { tinyfishCode: code } }),
  });
}

/**
 * True if a request that creates runs may or may not have done so: the connection broke, time ran out, or the answer was
 * a server error or made no sense. A refusal of our own (limit, breaker, budget) and a provable "not sent" are neither.
 */
export function isAmbiguous(error: unknown): error is IntegrationError {
  if (!IntegrationError.isInstance(error) || error.notSent) return false;
  switch (error.code) {
    case "NETWORK":
    case "ATTEMPT_TIMEOUT":
    case "DEADLINE_EXCEEDED":
    case "OUTCOME_UNKNOWN":
    case "INVALID_OUTPUT":
      return true;
    case "UPSTREAM_STATUS":
      return error.status !== undefined && error.status >= 500;
    default:
      return error.verdict === "outcome-unknown";
  }
}

/** True if asking again later may be answered: a poll goes on. */
export function isPassing(error: unknown): error is IntegrationError {
  if (!IntegrationError.isInstance(error)) return false;
  return (
    error.verdict === "retryable" ||
    error.verdict === "throttled" ||
    error.code === "CIRCUIT_OPEN" ||
    error.code === "DEADLINE_EXCEEDED"
  );
}

/** A 403 may mean a beta feature rather than the key: say which part of the request to leave out. */
export function explainBetaGate(error: unknown, body: object): unknown {
  if (!IntegrationError.isInstance(error) || error.code !== "FORBIDDEN" || error.verdict !== "auth") return error;
  const features = [
    ...("output_schema" in body ? ["output"] : []),
    ...(field(field(body, "agent_config"), "max_steps") === undefined ? [] : ["maxSteps"]),
  ];
  if (features.length === 0) return error;
  const { code, verdict, service, operation, callId, attempts, status, details } = error;
  return new IntegrationError({
    ...{ code, verdict, service, operation, callId, attempts, status, cause: error },
    message: `${error.message}; the request uses ${features.join(" and ")}, which TinyFish gives to beta accounts only: leave it out, or ask for access`,
    details: { ...details, betaFeatures: features },
  });
}

/** Adds facts to an error on its way out; what it says already stays. */
export function addDetails(error: unknown, facts: Readonly<Record<string, unknown>>): unknown {
  if (!IntegrationError.isInstance(error)) return error;
  const target: { details?: Readonly<Record<string, unknown>> } = error;
  target.details = { ...facts, ...error.details };
  return error;
}

/** What does not exist is undefined instead of a failure. */
export async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (IntegrationError.isInstance(error) && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}
