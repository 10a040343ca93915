import { type ErrorCode, IntegrationError } from "../core/index.ts";

/** Failures by the doing of the one who asks. */
const callersDoing: ReadonlySet<ErrorCode> = new Set([
  "INVALID_INPUT",
  "RATE_LIMITED",
  "ABORTED",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "NOT_FOUND",
  "CONFLICT",
] satisfies ErrorCode[]);

/**
 * True if the one who asks can mend it. A service that refuses who is asking is another matter: only Supabase and Neon
 * are ever asked in a user's name; the others, and Neon's login, refuse credentials of ours.
 */
export function isCallersDoing(error: IntegrationError): boolean {
  if (!callersDoing.has(error.code)) return false;
  if (error.code !== "UNAUTHENTICATED" && error.code !== "FORBIDDEN") return true;
  if (error.sqlState?.startsWith("28")) return false;
  return error.service === undefined || error.service === "supabase" || error.service === "neon";
}

/** True if a token that came with the request was found not to be genuine. */
export function isRefusedToken(error: IntegrationError): boolean {
  return error.code === "UNAUTHENTICATED" && error.operation === "auth.verify";
}

/**
 * The message, if it may leave: what we say about the request itself. What a service said may hold SQL, names of tables
 * or another's data, and stays in the log.
 */
export function tellableMessage(error: IntegrationError): string | undefined {
  const isOurs = error.service === undefined || isRefusedToken(error);
  return isOurs && isCallersDoing(error) ? error.message : undefined;
}

/** Whole seconds, at least one: zero would invite an immediate retry. */
export function retryAfterSeconds(retryAfterMs: number): number {
  return Math.max(1, Math.ceil(retryAfterMs / 1000));
}

/** What a thrown value says about when to come back, in seconds. */
export function retryHintOf(thrown: unknown): number | undefined {
  const ms = IntegrationError.isInstance(thrown) ? thrown.retryAfterMs : undefined;
  return ms === undefined ? undefined : retryAfterSeconds(ms);
}
