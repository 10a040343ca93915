import { type ErrorCode, type IntegrationError, type Random } from "../core/index.ts";
import { type ResolvedCallPolicy } from "./policy.ts";
import { isLate, refusal } from "./refusal.ts";

/** Answers of our own rooms: trying again within the call would only repeat the question. */
const answers: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ABORTED",
  "BUDGET_EXHAUSTED",
  "CIRCUIT_OPEN",
  "CLOSED",
  "DEADLINE_EXCEEDED",
  "QUEUE_FULL",
  "RATE_LIMITED",
]);

/** Gateways that sent the request on and then lost the service (502, 504, Cloudflare's 520 and 524). */
const gatewayLost: ReadonlySet<number> = new Set([502, 504, 520, 524]);

/**
 * May the call be tried again after this failure? It must be one that can pass, and repeating must be safe: because the
 * call is idempotent or carries a key, or because the request provably never arrived.
 */
export function mayRetry(error: IntegrationError, call: { readonly repeatable: boolean }): boolean {
  if (isRefusal(error)) return false;
  return (
    (error.verdict === "retryable" || error.verdict === "throttled") && (call.repeatable || error.notSent === true)
  );
}

/**
 * One of our own rooms turned the attempt away: it says nothing about other attempts of the call. What passed a room just
 * before the room would have let it wait is not turned away: it waits now, like the answer that it spared the service.
 */
export function isRefusal(error: IntegrationError): boolean {
  return answers.has(error.code) && !isLate(error);
}

/** Did an attempt end so that nobody knows whether the service did what was asked? */
export function answerLost({ code, verdict, notSent, status }: IntegrationError): boolean {
  if (notSent) return false;
  if (verdict === "outcome-unknown") return true;
  if (code === "ATTEMPT_TIMEOUT" || code === "ABORTED") return true;
  if (code === "NETWORK") return verdict === "retryable";
  return code === "UPSTREAM_STATUS" && status !== undefined && gatewayLost.has(status);
}

/**
 * The error that a failed call ends with. If an attempt of a call that is not idempotent was left without an answer,
 * nobody knows whether it took effect, and no later refusal or failure to connect changes that: only an answer of the
 * service itself would. A key does not either, unless the caller keeps it: the next call would carry a new one.
 */
export function finalError(
  error: IntegrationError,
  call: { readonly inDoubt: boolean; readonly idempotent: boolean; readonly name: string },
): IntegrationError {
  const saysSo = error.verdict === "outcome-unknown" && error.code !== "NETWORK";
  if (!call.inDoubt || call.idempotent || saysSo || isAnswerOfService(error)) return error;
  const { status, sqlState, retryAfterMs } = error;
  return refusal({
    code: "OUTCOME_UNKNOWN",
    message: `${call.name}: the answer was lost (${error.message}); it may have taken effect: look before doing it again`,
    status,
    sqlState,
    retryAfterMs,
    cause: error,
  });
}

function isAnswerOfService(error: IntegrationError): boolean {
  return !isRefusal(error) && !answerLost(error) && (error.verdict === "fatal" || error.verdict === "auth");
}

export type RetryPlan = { readonly delayMs: number } | { readonly stop: "hint too long" | "no time left" };

/**
 * How long to wait before the next attempt: full jitter, or the service's hint if that is longer. A hint never hastens,
 * and one that is too long ends the call rather than being cut short.
 *
 * @param attempt the one that failed, from 1
 */
export function planRetry(
  error: IntegrationError,
  attempt: number,
  remainingMs: number,
  policy: ResolvedCallPolicy,
  random: Random,
): RetryPlan {
  const bound = Math.min(policy.maxDelayMs, policy.baseDelayMs * policy.backoffMultiplier ** (attempt - 1));
  const backoffMs = Math.round(random.next() * bound);
  const hintMs = error.retryAfterMs !== undefined && error.retryAfterMs > 0 ? error.retryAfterMs : 0;
  if (hintMs > policy.maxHintMs) return { stop: "hint too long" };
  const delayMs = Math.max(backoffMs, Math.ceil(hintMs));
  return delayMs < remainingMs ? { delayMs } : { stop: "no time left" };
}
