import { type ServerResponse } from "node:http";
import { IntegrationError } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";
import { isRefusedToken, retryHintOf } from "../caller-facing.ts";
import { type ErrorHandler, sendJson } from "./handler.ts";
import { type Problem, problemOf } from "./problem.ts";

/** Said by the failed handler about a body that will not be sent. */
const headersOfTheBody = ["Content-Disposition", "Content-Encoding", "Content-Language", "Content-Range"];
const validators = ["ETag", "Last-Modified"];

/**
 * Turns errors into `application/problem+json`, the last middleware of the app. Failures of ours are logged, and the
 * client learns their code and no more.
 *
 * @see RFC 9457
 * @example
 * app.use(problemDetails(integration));
 */
export function problemDetails(integration: Integration): ErrorHandler {
  return (thrown, request, response, next) => {
    const problem = problemOf(thrown, request.integration?.requestId);
    if (problem.status >= 500)
      integration.logger.error({ err: thrown, ...idsOf(problem, thrown), code: problem.code }, "request failed");
    // Too late for another answer: Express cuts the connection, so that the client sees the break.
    if (response.headersSent) return next(thrown);
    for (const name of [...headersOfTheBody, ...validators]) response.removeHeader(name);
    response.setHeader("Cache-Control", "no-store");
    const seconds = retryHintOf(thrown);
    if (seconds !== undefined) response.setHeader("Retry-After", String(seconds));
    if (problem.status === 401) challenge(response, thrown);
    sendJson(response, problem.status, problem, "application/problem+json");
  };
}

/** What joins the line to its request, and to the call that failed. */
function idsOf({ requestId }: Problem, thrown: unknown): object {
  const callId = IntegrationError.isInstance(thrown) ? thrown.callId : undefined;
  return { requestId, ...(callId !== undefined && { callId }) };
}

/** @see RFC 6750, section 3: without a token there is no error to name */
function challenge(response: ServerResponse, thrown: unknown): void {
  if (response.hasHeader("WWW-Authenticate")) return;
  const isRefused = IntegrationError.isInstance(thrown) && isRefusedToken(thrown);
  response.setHeader("WWW-Authenticate", isRefused ? 'Bearer error="invalid_token"' : "Bearer");
}
