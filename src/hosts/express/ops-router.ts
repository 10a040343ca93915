import { type Request, type RequestHandler } from "express";
import { type Integration } from "../../integration.ts";
import { networkOf } from "./rate-limit.ts";

export interface OpsRouterOptions {
  /** Who may see details and metrics. @defaultValue requests from this machine */
  readonly authorize?: (request: Request) => boolean | Promise<boolean>;
}

/**
 * The operators' endpoints, below the path where it is mounted: `/live` and `/ready` for probes (open, no details),
 * `/health` (details) and `/metrics` (Prometheus text, or OpenMetrics when asked for) for those who are authorized;
 * to others they do not exist.
 *
 * @example
 * app.use("/ops", opsRouter(integration, { authorize: (request) => request.get("x-ops-key") === opsKey }));
 */
export function opsRouter(integration: Integration, options: OpsRouterOptions = {}): RequestHandler {
  const authorize = options.authorize ?? isLocal;
  return async (request, response, next) => {
    if (request.method !== "GET" && request.method !== "HEAD") return next();
    response.setHeader("Cache-Control", "no-store");
    switch (request.path) {
      case "/live":
        return void response.json({ status: integration.live().status });
      case "/ready": {
        const { status } = await integration.health();
        return void response.status(status === "down" ? 503 : 200).json({ status });
      }
      case "/health": {
        if (!(await authorize(request))) return next();
        const report = await integration.health();
        return void response
          .status(report.status === "down" ? 503 : 200)
          .type("application/health+json")
          .send(JSON.stringify(report));
      }
      case "/metrics": {
        if (!(await authorize(request))) return next();
        const openMetrics = /application\/openmetrics-text/.test(request.get("accept") ?? "");
        const text = await integration.monitoring.metrics({ format: openMetrics ? "openmetrics" : "prometheus" });
        const type = openMetrics
          ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
          : "text/plain; version=0.0.4; charset=utf-8";
        response.setHeader("Content-Type", type);
        return void response.send(text);
      }
      default:
        next();
    }
  };
}

/** The socket's own address, and nothing that a proxy passed on: behind one, every caller looks local. */
function isLocal(request: Request): boolean {
  if (request.headers.forwarded !== undefined || request.headers["x-forwarded-for"] !== undefined) return false;
  const network = networkOf(request.socket.remoteAddress ?? "");
  return network === "127.0.0.1" || network === "::/56";
}
