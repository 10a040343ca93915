import { STATUS_CODES } from "node:http";
import { type ErrorCode, errorCodes, IntegrationError } from "../../core/index.ts";
import { isCallersDoing, tellableMessage } from "../caller-facing.ts";

/** The body of an `application/problem+json` answer. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  /** An `IntegrationError`'s code, or `INTERNAL` for what was not foreseen. */
  readonly code: ErrorCode | "INTERNAL";
  readonly requestId?: string;
  readonly "violated-policies"?: readonly string[];
}

const statuses: Readonly<Record<ErrorCode, number>> = {
  CONFIG_INVALID: 500,
  INVALID_INPUT: 400,
  INVALID_OUTPUT: 502,
  RATE_LIMITED: 429,
  QUEUE_FULL: 503,
  CIRCUIT_OPEN: 503,
  ATTEMPT_TIMEOUT: 504,
  DEADLINE_EXCEEDED: 504,
  ABORTED: 499, // the client closed the request, so nobody reads it
  NETWORK: 502,
  UPSTREAM_STATUS: 502,
  QUERY_FAILED: 500,
  OUTCOME_UNKNOWN: 502,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  READ_ONLY: 503,
  FEATURE_DISABLED: 501,
  BUDGET_EXHAUSTED: 503,
  CLOSED: 503,
};

/** What a client may know of anything that can be thrown. @see RFC 9457, section 3 */
export function problemOf(thrown: unknown, requestId?: string): Problem {
  const problem = IntegrationError.isInstance(thrown) ? ours(thrown) : foreign(thrown);
  return requestId === undefined ? problem : { ...problem, requestId };
}

function ours(error: IntegrationError): Problem {
  const { code } = error;
  const refusesUs = (code === "UNAUTHENTICATED" || code === "FORBIDDEN") && !isCallersDoing(error);
  const detail = tellableMessage(error);
  const { limit, policy } = error.details ?? {};
  const common = { status: refusesUs ? 502 : (statuses[code] ?? 500), code, ...(detail !== undefined && { detail }) };
  if (code === "RATE_LIMITED" && typeof limit === "string")
    return {
      type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
      title: "Request cannot be satisfied as assigned quota has been exceeded",
      ...common,
      "violated-policies": [typeof policy === "string" ? `${limit}:${policy}` : limit],
    };
  const name = code.toLowerCase().replaceAll("_", "-");
  const words = name.replaceAll("-", " ");
  return {
    type: `urn:enhanced-integration:problem:${name}`,
    title: words.charAt(0).toUpperCase() + words.slice(1),
    ...common,
  };
}

/** Errors of Express and its parsers name a status, and mark with `expose` what may be told. */
function foreign(thrown: unknown): Problem {
  const { status, statusCode, expose, message } = (thrown ?? {}) as Readonly<Record<string, unknown>>;
  const asked = status ?? statusCode;
  if (!isClientError(asked)) return { ...blank(500), code: "INTERNAL" };
  const code = errorCodes.find((each) => statuses[each] === asked) ?? "INVALID_INPUT";
  return { ...blank(asked), code, ...(expose === true && typeof message === "string" && { detail: message }) };
}

function isClientError(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 400 && (status as number) < 500;
}

/** A problem that says no more than its status does. @see RFC 9457, section 4.2.1 */
function blank(status: number) {
  return { type: "about:blank", title: STATUS_CODES[status] ?? "Client Error", status };
}
