import { type ErrorCode, type EventBus, type EventName, type IntegrationEvents } from "../core/index.ts";
import { CallSeries } from "./call-series.ts";
import { type DistinctWindow } from "./metrics/distinct-window.ts";
import { type RatioWindow } from "./metrics/ratio-window.ts";
import { type ServiceStatistics } from "./service-statistics.ts";
import { type StandardMetrics } from "./standard-metrics.ts";

/** What is kept over a window of time and read as a gauge. */
export interface RateWindows {
  readonly neonErrors: RatioWindow;
  readonly mcpErrors: RatioWindow;
  readonly authSuccesses: RatioWindow;
  readonly activeUsers: DistinctWindow;
}

/** Failures by the caller's own doing: they say nothing about the service. */
const callerFaults: ReadonlySet<ErrorCode> = new Set([
  "ABORTED",
  "CLOSED",
  "CONFLICT",
  "FEATURE_DISABLED",
  "INVALID_INPUT",
  "NOT_FOUND",
] satisfies ErrorCode[]);

/** True when what finished counts against an error rate or a service's health. */
export function isServiceFailure(event: { readonly outcome: "ok" | "error"; readonly code?: ErrorCode }): boolean {
  return event.outcome === "error" && !(event.code && callerFaults.has(event.code));
}

/** The methods of RFC 9110; any other one is hostile or a label explosion. */
const httpMethods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"]);

type Feeds = { readonly [N in EventName]?: (event: IntegrationEvents[N]) => void };

/** @returns a function that unsubscribes */
export function observeEvents(
  events: EventBus,
  metrics: StandardMetrics,
  windows: RateWindows,
  services: ServiceStatistics,
): () => void {
  const calls = new CallSeries(metrics);
  const feeds: Feeds = {
    "call.finished": (event) => {
      calls.record(event);
      services.finished(event);
      if (event.service === "neon") windows.neonErrors.record(isServiceFailure(event));
    },
    "attempt.failed": ({ service, code }) => metrics.attemptsFailed.inc(1, { service, code }),
    "retry.scheduled": ({ service }) => {
      metrics.retries.inc(1, { service });
      services.retried(service);
    },
    "circuit.closed": ({ service }) => metrics.circuitState.set(0, { service }),
    "circuit.half_opened": ({ service }) => metrics.circuitState.set(1, { service }),
    "circuit.opened": ({ service }) => metrics.circuitState.set(2, { service }),
    "limit.refused": ({ limit }) => metrics.rateLimited.inc(1, { limit }),
    "limit.waited": ({ limit, waitedMs }) => metrics.rateLimitWait.inc(waitedMs / 1_000, { limit }),
    "query.finished": ({ transport, durationMs }) => metrics.queryDuration.observe(durationMs / 1_000, { transport }),
    "pool.changed": ({ pool, total, idle, waiting, max }) => {
      const used = total - idle;
      metrics.poolUsage.set((100 * used) / max, { pool });
      metrics.poolConnections.set(used, { pool, state: "used" });
      metrics.poolConnections.set(idle, { pool, state: "idle" });
      metrics.poolConnections.set(waiting, { pool, state: "waiting" });
    },
    "pool.connection_lost": ({ pool }) => metrics.poolLost.inc(1, { pool }),
    "auth.finished": ({ outcome, userId }) => {
      windows.authSuccesses.record(outcome === "ok");
      if (userId !== undefined) windows.activeUsers.add(userId);
    },
    "realtime.changed": ({ connections }) => metrics.realtimeConnections.set(connections),
    "storage.uploaded": ({ bucket, bytes }) => metrics.storageUsage.add(bytes, { bucket }),
    "run.finished": ({ status }) => metrics.runs.inc(1, { status }),
    "model.finished": ({ model, operation, inputTokens, outputTokens }) => {
      metrics.modelTokens.inc(inputTokens, { model, operation, type: "input" });
      metrics.modelTokens.inc(outputTokens, { model, operation, type: "output" });
    },
    "listings.stored": ({ inserted, updated, unchanged }) =>
      metrics.listingsScraped.inc(inserted + updated + unchanged),
    "listings.embedded": ({ count }) => metrics.listingsEmbedded.inc(count),
    "market_alert.triggered": () => metrics.marketAlerts.inc(),
    "workflow.completed": () => metrics.workflowsCompleted.inc(),
    "tool.finished": (event) => {
      const { tool, outcome, durationMs } = event;
      metrics.mcpRequests.inc(1, { tool, outcome });
      metrics.mcpDuration.observe(durationMs / 1_000, { tool });
      windows.mcpErrors.record(isServiceFailure(event));
    },
    "request.finished": ({ method, route, status, durationMs }) =>
      metrics.httpRequests.observe(durationMs / 1_000, {
        http_request_method: httpMethods.has(method) ? method : "_OTHER",
        http_route: route,
        http_response_status_code: status,
      }),
  };
  return subscribe(events, feeds);
}

/** Attaches a table of listeners. @returns a function that detaches them all */
export function subscribe(events: EventBus, listeners: Feeds): () => void {
  const names = Object.keys(listeners) as EventName[];
  const releases = names.map((name) => events.on(name, listeners[name] as (event: unknown) => void));
  return () => releases.forEach((release) => release());
}
