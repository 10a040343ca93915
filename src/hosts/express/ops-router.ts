import { type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Integration } from "../../integration.ts";
import { isLoopback } from "./client-network.ts";
import { type ExpressRequest, type Handler, sendJson } from "./handler.ts";

export interface OpsRouterOptions {
  /**
   * Who may see details and metrics. Set it where a proxy runs on the same machine: one that adds no header of its own
   * makes every caller look local.
   *
   * @defaultValue requests from this machine that no proxy passed on
   */
  authorize?(request: ExpressRequest): boolean | Promise<boolean>;
}

type Endpoint = (integration: Integration, request: ExpressRequest, response: ServerResponse) => void | Promise<void>;

/** For probes: open, and without details. */
const open: Readonly<Record<string, Endpoint>> = {
  "/live": (integration, _request, response) => sendJson(response, 200, integration.live()),
  "/ready": async (integration, _request, response) => {
    const { ready, status } = await integration.ready();
    sendJson(response, ready ? 200 : 503, { status });
  },
};

/** For operators. */
const guarded: Readonly<Record<string, Endpoint>> = {
  "/health": async (integration, _request, response) => {
    const report = await integration.health();
    sendJson(response, report.status === "down" ? 503 : 200, report);
  },
  "/metrics": async (integration, request, response) => {
    const { contentType, slices } = integration.monitoring.scrape({ accept: request.get("accept") });
    response.setHeader("Content-Type", contentType);
    // A scraper that hangs up half-way is its own affair.
    await pipeline(Readable.from(slices), response).catch(() => undefined);
  },
};

/**
 * The operators' endpoints, below the path where it is mounted: `/live` and `/ready` for probes, `/health` (details)
 * and `/metrics` (Prometheus text, or OpenMetrics when asked for) for those who are authorized; to others they do not
 * exist.
 *
 * @example
 * app.use("/ops", opsRouter(integration, { authorize: (request) => request.get("x-ops-key") === opsKey }));
 */
export function opsRouter(integration: Integration, options: OpsRouterOptions = {}): Handler {
  return async (request, response, next) => {
    if (request.method !== "GET" && request.method !== "HEAD") return next();
    const endpoint = (Object.hasOwn(open, request.path) && open[request.path]) || (await allowed(request));
    if (!endpoint) return next();
    response.setHeader("Cache-Control", "no-store");
    await endpoint(integration, request, response);
  };

  async function allowed(request: ExpressRequest): Promise<Endpoint | undefined> {
    if (!Object.hasOwn(guarded, request.path)) return undefined;
    const authorized = options.authorize ? await options.authorize(request) : isFromThisMachine(request);
    return authorized ? guarded[request.path] : undefined;
  }
}

/** Whatever of these is there, somebody passed the request on. */
const proxyHeaders = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

/** By the socket's own address and the name asked for: a page in a browser here can reach us, but not under our name. */
function isFromThisMachine(request: ExpressRequest): boolean {
  const { hostname = "" } = URL.parse(`http://${request.get("host") ?? ""}`) ?? {};
  return (
    isLoopback(request.socket.remoteAddress ?? "") &&
    (hostname === "localhost" || isLoopback(hostname.replace(/^\[|\]$/g, ""))) &&
    proxyHeaders.every((name) => request.headers[name] === undefined)
  );
}
