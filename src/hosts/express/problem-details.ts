import { type ErrorRequestHandler } from "express";
import { type ErrorCode, IntegrationError } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";

/** RFC 9457, section 3. */
interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code: string;
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
  ABORTED: 499,
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

/** Codes whose message was written for the caller; the others' may tell of our inside, and stay in the log. */
const tellable = new Set<ErrorCode>([
  "INVALID_INPUT",
  "RATE_LIMITED",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "NOT_FOUND",
  "CONFLICT",
  "FEATURE_DISABLED",
  "READ_ONLY",
]);

/**
 * Turns errors into `application/problem+json`, the last middleware of the app.
 *
 * @see RFC 9457
 */
export function problemDetails(integration: Integration): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const problem = toProblem(thrown, request.integration?.requestId);
    if (problem.status >= 500)
      integration.logger.error({ err: thrown, requestId: problem.requestId }, "request failed");
    const retryAfterMs = IntegrationError.isInstance(thrown) ? thrown.retryAfterMs : undefined;
    if (retryAfterMs !== undefined)
      response.setHeader("Retry-After", String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
    if (problem.status === 401) response.setHeader("WWW-Authenticate", 'Bearer error="invalid_token"');
    response.status(problem.status).type("application/problem+json").send(JSON.stringify(problem));
  };
}

function toProblem(thrown: unknown, requestId: string | undefined): Problem {
  const known = requestId === undefined ? {} : { requestId };
  if (!IntegrationError.isInstance(thrown)) return { ...foreign(thrown), ...known };
  const { code, message, details } = thrown;
  const policies = details?.["violatedPolicies"];
  return {
    type:
      code === "RATE_LIMITED"
        ? "https://iana.org/assignments/http-problem-types#quota-exceeded"
        : `urn:enhanced-integration:problem:${code.toLowerCase().replaceAll("_", "-")}`,
    title: title(code),
    status: statuses[code],
    code,
    ...(tellable.has(code) && thrown.service === undefined && { detail: message }),
    ...(Array.isArray(policies) && { "violated-policies": policies as string[] }),
    ...known,
  };
}

/** Express's own parsers mark what may be told with `expose`. */
function foreign(thrown: unknown): Problem {
  const { status, expose, message } = (thrown ?? {}) as { status?: unknown; expose?: unknown; message?: unknown };
  if (typeof status === "number" && status >= 400 && status < 500 && expose === true)
    return { type: "about:blank", title: "Bad request", status, code: "INVALID_INPUT", detail: String(message) };
  return { type: "about:blank", title: "Internal server error", status: 500, code: "INTERNAL" };
}

function title(code: ErrorCode): string {
  const words = code.toLowerCase().replaceAll("_", " ");
  return words[0]!.toUpperCase() + words.slice(1);
}
