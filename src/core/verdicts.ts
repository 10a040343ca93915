import { type ErrorCode, type Verdict } from "./errors.ts";

/**
 * One table from what the other side says to what may be done about it. Sources: PostgreSQL appendix A, the Neon
 * proxy's messages (docs/errors.md), RFC 9110, Node's `errno` names.
 */
export interface Judgement {
  readonly code: ErrorCode;
  readonly verdict: Verdict;
  /** True if the request provably never reached the service, so that even a non-idempotent call may be retried. */
  readonly notSent?: boolean;
}

const judged = (code: ErrorCode, verdict: Verdict, notSent?: true): Judgement =>
  notSent ? { code, verdict, notSent } : { code, verdict };

const sqlStates: Readonly<Record<string, Judgement>> = {
  "40001": judged("QUERY_FAILED", "retryable", true), // serialization_failure: the transaction was rolled back
  "40P01": judged("QUERY_FAILED", "retryable", true), // deadlock_detected: likewise
  "40003": judged("OUTCOME_UNKNOWN", "outcome-unknown"),
  "08007": judged("OUTCOME_UNKNOWN", "outcome-unknown"),
  "08P01": judged("NETWORK", "retryable"), // also the pooler's "no more connections allowed"
  "25006": judged("READ_ONLY", "fatal"),
  "28000": judged("UNAUTHENTICATED", "auth"),
  "28P01": judged("UNAUTHENTICATED", "auth"),
  "42501": judged("FORBIDDEN", "auth"),
  "23505": judged("CONFLICT", "fatal"),
  "53300": judged("NETWORK", "throttled", true), // too_many_connections: refused before the query
  "53400": judged("NETWORK", "throttled", true),
  "55P03": judged("QUERY_FAILED", "fatal"), // lock_not_available: the caller's choice
  "57014": judged("QUERY_FAILED", "fatal"), // query_canceled: likewise
  "57P01": judged("NETWORK", "retryable"), // admin_shutdown: Neon suspends or restarts
  "57P02": judged("NETWORK", "retryable"),
  "57P03": judged("NETWORK", "retryable", true), // cannot_connect_now
  "57P05": judged("NETWORK", "retryable"),
};
const sqlClasses: Readonly<Record<string, Judgement>> = {
  "08": judged("NETWORK", "retryable"),
  "23": judged("CONFLICT", "fatal"),
  "53": judged("NETWORK", "throttled"),
  "57": judged("NETWORK", "retryable"),
  "58": judged("NETWORK", "retryable"),
};

export function judgeSqlState(sqlState: string): Judgement {
  return sqlStates[sqlState] ?? sqlClasses[sqlState.slice(0, 2)] ?? judged("QUERY_FAILED", "fatal");
}

/** Neon's proxy answers with a message and no usable SQLSTATE (XX000 or none). First match wins. */
const neonMessages: readonly (readonly [RegExp, Judgement])[] = [
  [/password authentication failed/i, judged("UNAUTHENTICATED", "auth")],
  [
    /endpoint (cannot be found|is disabled)|exceeded the (compute time|data transfer|active time)|check your quotas/i,
    judged("QUERY_FAILED", "fatal"),
  ],
  [/couldn't connect to compute node|control plane request failed/i, judged("NETWORK", "retryable", true)],
  [/failed to acquire permit|too many (database )?connections?( attempts)?/i, judged("NETWORK", "throttled", true)],
  [/no more connections allowed|query_wait_timeout|server_login_retry/i, judged("NETWORK", "throttled", true)],
];

export function judgeNeonMessage(message: string): Judgement | undefined {
  return neonMessages.find(([pattern]) => pattern.test(message))?.[1];
}

export function judgeHttpStatus(status: number): Judgement {
  switch (status) {
    case 401:
      return judged("UNAUTHENTICATED", "auth");
    case 402:
    case 403:
      return judged("FORBIDDEN", "auth");
    case 404:
    case 410:
      return judged("NOT_FOUND", "fatal");
    case 409:
      return judged("CONFLICT", "fatal");
    case 400:
    case 413:
    case 415:
    case 422:
      return judged("INVALID_INPUT", "fatal");
    case 429:
      return judged("UPSTREAM_STATUS", "throttled", true);
    case 503:
      return judged("UPSTREAM_STATUS", "retryable");
    case 408:
    case 425:
    case 500:
    case 502:
    case 504:
      return judged("UPSTREAM_STATUS", "retryable");
    default:
      return status >= 520 && status <= 530
        ? judged("UPSTREAM_STATUS", "retryable")
        : judged("UPSTREAM_STATUS", "fatal");
  }
}

/** Failures before the request could leave: safe to retry whatever the call does. */
const notSentCodes = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);
const networkCodes = new Set([
  ...[
    "ECONNRESET",
    "EPIPE",
    "ETIMEDOUT",
    "ECONNABORTED",
    "UND_ERR_SOCKET",
    "UND_ERR_HEADERS_TIMEOUT",
    "UND_ERR_BODY_TIMEOUT",
  ],
  ...["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "ERR_STREAM_PREMATURE_CLOSE"],
]);

/** Judges a failure of the network below HTTP or SQL; `undefined` if it does not look like one. */
export function judgeNetworkError(thrown: unknown): Judgement | undefined {
  for (const code of codesOf(thrown)) {
    if (notSentCodes.has(code)) return judged("NETWORK", "retryable", true);
    if (networkCodes.has(code)) return judged("NETWORK", "retryable");
  }
  const message = thrown instanceof Error ? thrown.message : "";
  return /fetch failed|terminated|other side closed|socket hang up|network/i.test(message)
    ? judged("NETWORK", "retryable")
    : undefined;
}

/** Every `code` in an error, its causes and its parts: undici and the Neon driver hide the useful one below. */
export function codesOf(thrown: unknown, depth = 0): string[] {
  if (typeof thrown !== "object" || thrown === null || depth > 5) return [];
  const { code, cause, errors, sourceError, error } = thrown as Record<string, unknown>;
  const own = typeof code === "string" ? [code] : [];
  const parts = [cause, sourceError, error, ...(Array.isArray(errors) ? (errors as unknown[]) : [])];
  return [...own, ...parts.flatMap((part) => codesOf(part, depth + 1))];
}
