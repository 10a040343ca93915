import {
  describeThrown,
  type ErrorCode,
  IntegrationError,
  judgeHttpStatus,
  judgeSqlState,
  type Verdict,
} from "../../core/index.ts";
import { type ErrorReader, type ReadFailure } from "../http/transport.ts";

type Mapping = readonly [ErrorCode, Verdict];
const UNAUTHENTICATED: Mapping = ["UNAUTHENTICATED", "auth"];
const FORBIDDEN: Mapping = ["FORBIDDEN", "auth"];
const NOT_FOUND: Mapping = ["NOT_FOUND", "fatal"];
const CONFLICT: Mapping = ["CONFLICT", "fatal"];
const INVALID: Mapping = ["INVALID_INPUT", "fatal"];
const DISABLED: Mapping = ["FEATURE_DISABLED", "fatal"];
const THROTTLED: Mapping = ["UPSTREAM_STATUS", "throttled"];
const RETRYABLE: Mapping = ["UPSTREAM_STATUS", "retryable"];

/**
 * What the services' own codes mean, where the HTTP status says less: Auth answers 400 and 422 interchangeably. Never
 * the texts, which change. Sources: supabase/auth `apierrors/errorcode.go`, supabase/storage `errors/codes.ts`,
 * PostgREST "Errors".
 */
const meanings: Readonly<Record<string, Mapping>> = {
  invalid_credentials: UNAUTHENTICATED,
  refresh_token_not_found: UNAUTHENTICATED,
  refresh_token_already_used: UNAUTHENTICATED,
  session_not_found: UNAUTHENTICATED,
  session_expired: UNAUTHENTICATED,
  bad_jwt: UNAUTHENTICATED,
  no_authorization: UNAUTHENTICATED,
  otp_expired: UNAUTHENTICATED,
  mfa_challenge_expired: UNAUTHENTICATED,
  mfa_verification_failed: UNAUTHENTICATED,
  mfa_verification_rejected: UNAUTHENTICATED,
  reauthentication_needed: UNAUTHENTICATED,
  email_not_confirmed: FORBIDDEN,
  phone_not_confirmed: FORBIDDEN,
  user_banned: FORBIDDEN,
  not_admin: FORBIDDEN,
  insufficient_aal: FORBIDDEN,
  email_address_not_authorized: FORBIDDEN,
  captcha_failed: FORBIDDEN,
  user_already_exists: CONFLICT,
  email_exists: CONFLICT,
  phone_exists: CONFLICT,
  identity_already_exists: CONFLICT,
  conflict: CONFLICT,
  weak_password: INVALID,
  same_password: INVALID,
  validation_failed: INVALID,
  bad_json: INVALID,
  email_address_invalid: INVALID,
  over_request_rate_limit: THROTTLED,
  over_email_send_rate_limit: THROTTLED,
  over_sms_send_rate_limit: THROTTLED,
  hook_timeout: RETRYABLE,
  hook_timeout_after_retry: RETRYABLE,
  request_timeout: RETRYABLE,
  InvalidJWT: UNAUTHENTICATED,
  ExpiredToken: UNAUTHENTICATED,
  SlowDown: THROTTLED,
  ResourceLocked: RETRYABLE,
  DatabaseTimeout: RETRYABLE,
  PGRST116: NOT_FOUND,
  PGRST301: UNAUTHENTICATED,
  PGRST302: UNAUTHENTICATED,
  PGRST303: UNAUTHENTICATED,
};

/** Reads the answers of Auth, Storage, the Data API and the gateway before them. */
export const readSupabaseError: ErrorReader = (status, body) => {
  if (typeof body !== "object" || body === null) return undefined;
  const { code, error_code: errorCode, msg, message, error_description: description, error } = body as ErrorBody;
  const vendorCode = [code, errorCode].find(isText);
  const words = [msg, message, description, error].find(isText);
  const reasons = (body as ErrorBody).weak_password?.reasons;
  return {
    ...(vendorCode !== undefined && mean(vendorCode, status)),
    ...(words !== undefined && { message: vendorCode === undefined ? words : `${words} (${vendorCode})` }),
    ...(vendorCode !== undefined && {
      details: { code: vendorCode, ...(Array.isArray(reasons) && { reasons: reasons.map(String) }) },
    }),
  } satisfies Partial<ReadFailure>;
};

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

interface ErrorBody {
  readonly code?: unknown;
  readonly error_code?: unknown;
  readonly msg?: unknown;
  readonly message?: unknown;
  readonly error_description?: unknown;
  readonly error?: unknown;
  readonly weak_password?: { readonly reasons?: unknown };
}

function mean(vendorCode: string, status: number): { code: ErrorCode; verdict: Verdict } | undefined {
  // The token's user is gone (403), or an administrator asked for one who never was (404).
  if (vendorCode === "user_not_found") return named(status === 404 ? NOT_FOUND : UNAUTHENTICATED);
  const meaning = meanings[vendorCode];
  if (meaning) return named(meaning);
  if (/_(disabled|not_enabled)$/.test(vendorCode)) return named(DISABLED);
  if (/^[0-9A-Z]{5}$/.test(vendorCode) && /\d/.test(vendorCode)) {
    const { code, verdict } = judgeSqlState(vendorCode);
    return { code, verdict };
  }
  return undefined;
}

const named = ([code, verdict]: Mapping) => ({ code, verdict });

/**
 * Turns the `error` of a vendor client's `{ data, error }` (`admin`, `forUser`) into an error of ours, by its code.
 *
 * @example
 * const { data, error } = await supabase.forUser(token).from("notes").select();
 * if (error) throw supabaseError(error);
 */
export function supabaseError(vendorError: unknown): IntegrationError {
  if (IntegrationError.isInstance(vendorError)) return vendorError;
  const { status, statusCode, code, reasons } = (vendorError ?? {}) as Record<string, unknown>;
  const trueStatus = Number(/^[45]\d\d$/.test(String(statusCode)) ? statusCode : (status ?? 0));
  const words = describeThrown(vendorError);
  const read = readSupabaseError(trueStatus, { code, message: words, weak_password: { reasons } }, new Headers());
  const judgement = trueStatus >= 400 ? judgeHttpStatus(trueStatus) : judgeWithoutStatus(code);
  return new IntegrationError({
    ...judgement,
    ...read,
    message: `supabase: ${read?.message ?? words}`,
    service: "supabase",
    ...(trueStatus >= 400 && { status: trueStatus }),
    cause: vendorError,
  });
}

/** The Data API's errors carry no status; where there is no code either, no answer came. */
function judgeWithoutStatus(vendorCode: unknown) {
  return isText(vendorCode)
    ? ({ code: "QUERY_FAILED", verdict: "fatal" } as const)
    : ({ code: "NETWORK", verdict: "retryable" } as const);
}
