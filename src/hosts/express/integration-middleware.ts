import { randomUUID } from "node:crypto";
import { type Request, type RequestHandler, type Response } from "express";
import { IntegrationError, type VerifiedToken } from "../../core/index.ts";
import { type Integration } from "../../integration.ts";

/** What the middleware knows of a request, at `req.integration`. */
export interface RequestState {
  readonly requestId: string;
  /** On the integration's monotonic clock, ms: every call made for this request inherits it. */
  readonly deadlineAt: number;
  /** Fires when the client goes away. */
  readonly signal: AbortSignal;
  /** Verifies the bearer token once. @throws IntegrationError UNAUTHENTICATED */
  verifyUser(): Promise<VerifiedToken>;
  /** Set once the user was verified, by `requireUser` or {@link verifyUser}. */
  user?: VerifiedToken;
}

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- the way Express's own types are extended
  namespace Express {
    interface Request {
      integration?: RequestState;
    }
  }
}

export interface IntegrationMiddlewareOptions {
  /** Time that a request may take, ms. @defaultValue REQUEST_TIMEOUT */
  readonly deadlineMs?: number;
}

/**
 * Gives each request an id, a deadline that its calls inherit, an abort signal and its user. Comes first, so that all
 * that follows is covered.
 *
 * @example
 * app.use(integrationMiddleware(integration));
 */
export function integrationMiddleware(
  integration: Integration,
  options: IntegrationMiddlewareOptions = {},
): RequestHandler {
  const deadlineMs = options.deadlineMs ?? integration.config.calls.requestTimeoutMs;
  return (request, response, next) => {
    const startedAt = integration.clock.now();
    const gone = new AbortController();
    const requestId = acceptedId(request.get("x-request-id")) ?? randomUUID();
    response.setHeader("X-Request-Id", requestId);
    const state: RequestState = {
      requestId,
      deadlineAt: startedAt + deadlineMs,
      signal: gone.signal,
      verifyUser: async () => (state.user ??= await integration.supabase.auth.verify(bearerToken(request))),
    };
    request.integration = state;
    response.once("close", () => {
      if (!response.writableFinished)
        gone.abort(new IntegrationError({ code: "ABORTED", message: "the client closed the request" }));
      integration.events.emit("request.finished", {
        method: request.method,
        route: routeOf(request, response),
        status: response.statusCode,
        durationMs: integration.clock.now() - startedAt,
      });
    });
    integration.scopes.run({ requestId, deadlineAt: state.deadlineAt, signal: gone.signal }, next);
  };
}

/** The state that {@link integrationMiddleware} left. @throws IntegrationError INVALID_INPUT if it is not in the app */
export function stateOf(request: Request): RequestState {
  if (request.integration) return request.integration;
  throw new IntegrationError({
    code: "INVALID_INPUT",
    message: "add app.use(integrationMiddleware(integration)) before this middleware",
  });
}

/** A caller's id is taken over only if it can do no harm in a log or a header. */
function acceptedId(id: string | undefined): string | undefined {
  return id !== undefined && /^[\w.:-]{1,128}$/.test(id) ? id : undefined;
}

function bearerToken(request: Request): string {
  const token = /^Bearer +(\S+)$/i.exec(request.get("authorization") ?? "")?.[1];
  if (token !== undefined) return token;
  throw new IntegrationError({
    code: "UNAUTHENTICATED",
    message: "send the user's access token as `Authorization: Bearer <token>`",
  });
}

/** The route's pattern, never the path: paths are without bound, and metric labels must not be. */
function routeOf(request: Request, response: Response): string {
  const route = request.route as { path?: unknown } | undefined;
  if (typeof route?.path === "string") return request.baseUrl + route.path;
  return response.statusCode === 404 ? "(none)" : request.baseUrl || "(middleware)";
}
