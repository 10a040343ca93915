import { randomUUID } from "node:crypto";
import { type ServerResponse } from "node:http";
import { IntegrationError, MAX_TIMER_MS, shown } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";
import { refuseInvalidOptions } from "../invalid-options.ts";
import { type Handler } from "./handler.ts";
import { type RequestState } from "./request-state.ts";
import { followRoute } from "./route-pattern.ts";

export interface IntegrationMiddlewareOptions {
  /** Time that a request may take, ms, 1 to 2,147,483,647. @defaultValue REQUEST_TIMEOUT */
  readonly deadlineMs?: number;
}

/** nginx's status for a request that its client gave up; it is seen in metrics and logs, never by the client. */
const CLIENT_CLOSED_REQUEST = 499;

/**
 * Gives each request an id, a deadline and an abort signal that all calls made for it inherit, and counts it. Comes
 * first, so that all that follows is covered. Mounted again on a router it can only take time away.
 *
 * @throws IntegrationError INVALID_INPUT for a deadline out of range
 * @example
 * app.use(integrationMiddleware(integration));
 * app.use("/autocomplete", integrationMiddleware(integration, { deadlineMs: 500 }), autocomplete);
 */
export function integrationMiddleware(integration: Integration, options: IntegrationMiddlewareOptions = {}): Handler {
  const { clock, events, scopes } = integration;
  const { deadlineMs = integration.config.calls.requestTimeoutMs } = options;
  refuseInvalidOptions("integrationMiddleware", [
    !(deadlineMs >= 1 && deadlineMs <= MAX_TIMER_MS) &&
      `deadlineMs must be a number from 1 to ${MAX_TIMER_MS}, got ${shown(deadlineMs)}`,
  ]);
  return (request, response, next) => {
    const startedAt = clock.now();
    const deadlineAt = startedAt + deadlineMs;
    const outer = request.integration;
    if (outer && scopes.current?.signal === outer.signal) {
      Object.assign(outer, { deadlineAt: Math.min(outer.deadlineAt, deadlineAt) });
      return scopes.run({ deadlineAt }, next);
    }

    // Another integration may be mounted, too: the request stays one and the same.
    const requestId = outer?.requestId ?? acceptedId(request.get("x-request-id")) ?? randomUUID();
    const routeOf = outer ? () => outer.route : followRoute(request);
    const gone = new AbortController();
    const state: RequestState = {
      ...{ requestId, deadlineAt, signal: gone.signal },
      get route() {
        return routeOf();
      },
    };
    request.integration = state;
    response.setHeader("X-Request-Id", requestId);
    response.once("close", () => {
      if (!response.writableFinished) gone.abort(clientGone());
      const status = statusOf(response);
      events.emit("request.finished", {
        method: request.method ?? "",
        // Whatever was not found shares one label: paths are without bound, and labels must not be.
        route: state.route ?? (status === 404 ? "(none)" : "(middleware)"),
        status,
        durationMs: clock.now() - startedAt,
        requestId,
      });
    });
    scopes.run({ requestId, deadlineAt, signal: gone.signal }, next);
  };
}

/** A caller's id is taken over only if it can do no harm in a log or a header. */
function acceptedId(id: string | undefined): string | undefined {
  return id !== undefined && /^[\w.:-]{1,128}$/.test(id) ? id : undefined;
}

function statusOf(response: ServerResponse): number {
  return response.headersSent ? response.statusCode : CLIENT_CLOSED_REQUEST;
}

function clientGone(): IntegrationError {
  return new IntegrationError({ code: "ABORTED", message: "the client closed the request" });
}
