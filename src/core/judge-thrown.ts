import { describeThrown, IntegrationError } from "./errors.ts";
import { MAX_SERVER_HINT_MS, parseRetryAfter } from "./retry-after.ts";
import {
  codesOf,
  judgeHttpStatus,
  judgeNeonMessage,
  judgeNetworkError,
  judgeSqlState,
  type Judgement,
} from "./verdicts.ts";

/** SQLSTATE classes start with a digit or are one of four; Node's `EPIPE` has five letters too. */
const sqlStatePattern = /^(?:\d[0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/;

/** PostgREST's own codes, by group: 0 connection, 1 request, 2 schema cache, 3 token. */
const postgrestGroups: Readonly<Record<string, Judgement>> = {
  "0": { code: "NETWORK", verdict: "retryable" },
  "1": { code: "INVALID_INPUT", verdict: "fatal" },
  "2": { code: "NOT_FOUND", verdict: "fatal" },
  "3": { code: "UNAUTHENTICATED", verdict: "auth" },
};
const postgrestCodes: Readonly<Record<string, Judgement>> = {
  PGRST003: { code: "NETWORK", verdict: "throttled", notSent: true }, // no connection of the pool came free in time
  PGRST116: { code: "NOT_FOUND", verdict: "fatal" }, // one row was asked for, none or several were found
};

/** A mistake in the code of the attempt: repeating it repeats the mistake. */
const isProgrammingError = (thrown: unknown): boolean =>
  thrown instanceof TypeError ||
  thrown instanceof RangeError ||
  thrown instanceof ReferenceError ||
  thrown instanceof SyntaxError ||
  thrown instanceof EvalError ||
  thrown instanceof URIError;

/** `fetch` reports a broken network as a TypeError with one of these messages. */
const networkTypeErrors = new Set(["fetch failed", "Failed to fetch", "terminated", "Load failed", "network error"]);

/** The attempt failed in a way that nobody told us about: it is not repeated, as repeating might do harm. */
const UNKNOWN: Judgement = { code: "INVALID_OUTPUT", verdict: "fatal" };

/**
 * Judges anything that can be thrown: errors of ours, of pg and Neon (SQLSTATE or message), PostgREST, HTTP clients
 * (a status), Node's network codes, aborts and timeouts. What nobody knows is fatal.
 */
export function judgeThrown(thrown: unknown): Judgement {
  if (IntegrationError.isInstance(thrown)) {
    const { code, verdict, notSent } = thrown;
    return notSent ? { code, verdict, notSent } : { code, verdict };
  }
  if (typeof thrown !== "object" || thrown === null) return UNKNOWN;
  const { name, message, code } = thrown as { name?: unknown; message?: unknown; code?: unknown };
  if (name === "AbortError") return { code: "ABORTED", verdict: "fatal" };
  if (name === "TimeoutError") return { code: "ATTEMPT_TIMEOUT", verdict: "retryable" };

  const sqlState = sqlStateOf(thrown);
  const text = typeof message === "string" ? message : "";
  if (sqlState !== undefined || /neon|database/i.test(String(name))) {
    // The proxy's messages say more than XX000, its code for everything.
    const told = sqlState === undefined || sqlState.startsWith("XX") ? judgeNeonMessage(text) : undefined;
    if (told) return told;
    if (sqlState !== undefined) return judgeSqlState(sqlState);
  }
  if (typeof code === "string" && code.startsWith("PGRST"))
    return postgrestCodes[code] ?? postgrestGroups[code.charAt(5)] ?? { code: "QUERY_FAILED", verdict: "fatal" };

  const status = statusOf(thrown);
  if (status !== undefined && status >= 400) return judgeHttpStatus(status);
  // Of a TypeError only the codes count: one that merely mentions the network in its text is a mistake in code.
  if (isProgrammingError(thrown) && !networkTypeErrors.has(text))
    return judgeNetworkError({ cause: thrown }) ?? UNKNOWN;
  return judgeNetworkError(thrown) ?? (status === 0 ? { code: "NETWORK", verdict: "retryable" } : UNKNOWN);
}

/** What a breaker reads of anything thrown, without the error that {@link errorFromThrown} would make of it. */
export function outlineOfThrown(thrown: unknown): Pick<IntegrationError, "code" | "verdict" | "status" | "sqlState"> {
  if (IntegrationError.isInstance(thrown)) return thrown;
  const { code, verdict } = judgeThrown(thrown);
  const status = answerStatusOf(thrown);
  const sqlState = sqlStateOf(thrown);
  return { code, verdict, ...(status !== undefined && { status }), ...(sqlState !== undefined && { sqlState }) };
}

/**
 * One error of ours for anything thrown, the original as its cause, with everything that policies read. Errors of ours
 * come back as they are.
 *
 * @param wallNow for hints given as a date, ms since the epoch
 */
export function errorFromThrown(
  thrown: unknown,
  facts: { readonly service?: string; readonly operation?: string; readonly wallNow?: number },
): IntegrationError {
  if (IntegrationError.isInstance(thrown)) return thrown;
  const { service, operation } = facts;
  const where = service === undefined ? "" : operation === undefined ? `${service}: ` : `${service}.${operation}: `;
  return new IntegrationError({
    ...judgeThrown(thrown),
    message: `${where}${describeThrown(thrown)}`,
    service,
    operation,
    retryAfterMs: hintOf(thrown, facts.wallNow ?? 0),
    status: answerStatusOf(thrown),
    sqlState: sqlStateOf(thrown),
    cause: thrown,
  });
}

function answerStatusOf(thrown: unknown): number | undefined {
  const status = statusOf(thrown);
  return status !== undefined && status >= 400 ? status : undefined;
}

function sqlStateOf(thrown: unknown): string | undefined {
  return codesOf(thrown).find((code) => sqlStatePattern.test(code));
}

/** The HTTP status of a vendor's error; 0 where supabase-js means "no answer". */
function statusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const { status, statusCode, response } = thrown as Record<string, unknown>;
  const inner = (response as { status?: unknown } | undefined)?.status;
  for (const candidate of [status, statusCode, inner]) {
    const number = typeof candidate === "string" ? Number(candidate) : candidate;
    if (typeof number === "number" && Number.isInteger(number) && number >= 0 && number <= 599) return number;
  }
  return undefined;
}

/** `retryAfterMs` of the error itself, or the `Retry-After` header it carries. */
function hintOf(thrown: unknown, wallNow: number): number | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const { retryAfterMs, headers, response } = thrown as Record<string, unknown>;
  if (typeof retryAfterMs === "number" && retryAfterMs >= 0) return Math.min(retryAfterMs, MAX_SERVER_HINT_MS);
  return parseRetryAfter(header(headers) ?? header((response as { headers?: unknown } | undefined)?.headers), wallNow);
}

function header(headers: unknown): string | undefined {
  if (typeof headers !== "object" || headers === null) return undefined;
  const value =
    headers instanceof Headers
      ? headers.get("retry-after")
      : Object.entries(headers as Record<string, unknown>).find(([name]) => name.toLowerCase() === "retry-after")?.[1];
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}
