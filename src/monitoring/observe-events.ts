import { type ErrorCode, type EventBus, type EventName, type IntegrationEvents } from "../core/index.ts";
import { CallSeries } from "./call-series.ts";
import { DatabaseSeries } from "./database-series.ts";
import { type RateWindows } from "./rate-windows.ts";
import { type ServiceStatistics } from "./service-statistics.ts";
import { type StandardMetrics } from "./standard-metrics.ts";

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
  const database = new DatabaseSeries(metrics);
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
    "circuit.closed": ({ service, part = "" }) => metrics.circuitState.set(0, { service, part }),
    "circuit.half_opened": ({ service, part = "" }) => metrics.circuitState.set(1, { service, part }),
    "circuit.opened": ({ service, part = "" }) => metrics.circuitState.set(2, { service, part }),
    "limit.refused": ({ limit }) => metrics.rateLimited.inc(1, { limit }),
    "limit.waited": ({ limit, waitedMs }) => metrics.rateLimitWait.inc(waitedMs / 1_000, { limit }),
    "query.finished": (event) => database.queried(event),
    "query.failed": (event) => database.failed(event),
    "http.finished": ({ method, url, status, code, durationMs }) => {
      const { hostname, port, protocol } = new URL(url);
      metrics.httpClientDuration.observe(durationMs / 1_000, {
        http_request_method: method,
        server_address: hostname,
        server_port: port || (protocol === "https:" ? 443 : 80),
        http_response_status_code: status ?? "",
        error_type: code ?? (status !== undefined && status >= 400 ? status : ""),
      });
    },
    "pool.connecting": (event) => database.connecting(event),
    "pool.connection_created": ({ pool, durationMs }) =>
      metrics.dbCreateTime.observe(durationMs / 1_000, { db_client_connection_pool_name: pool }),
    "pool.connection_returned": (event) => database.returned(event),
    "pool.acquire_failed": ({ pool, kind }) => {
      if (kind === "timeout") metrics.dbTimeouts.inc(1, { db_client_connection_pool_name: pool });
      else metrics.poolRefused.inc(1, { pool });
    },
    "pool.connection_closed": ({ pool, reason }) => metrics.poolClosed.inc(1, { pool, reason }),
    "pool.leak_suspected": ({ pool }) => metrics.poolLeaks.inc(1, { pool }),
    "pool.awake_extended": ({ pool, awakeMs }) => metrics.awake.inc(awakeMs / 1_000, { pool }),
    "pool.mode_changed": ({ pool, mode }) =>
      metrics.poolMode.set(mode === "read-write" ? 0 : mode === "read-only" ? 1 : 2, { pool }),
    "pool.recovery_started": ({ pool }) => metrics.poolRecoveries.inc(1, { pool, step: "started" }),
    "pool.recovery_attempted": ({ pool }) => metrics.poolRecoveries.inc(1, { pool, step: "attempted" }),
    "pool.recovery_ended": ({ pool, outcome }) => metrics.poolRecoveries.inc(1, { pool, step: outcome }),
    "pool.fell_back": ({ pool }) => metrics.poolFallbacks.inc(1, { pool }),
    "pool.connection_lost": ({ pool }) => metrics.poolLost.inc(1, { pool }),
    "auth.finished": ({ outcome, userId }) => {
      windows.authSuccesses.record(outcome === "ok");
      if (userId !== undefined) windows.activeUsers.add(userId);
    },
    "realtime.changed": ({ connections }) => metrics.realtimeConnections.set(connections),
    "storage.uploaded": ({ bucket, bytes }) => metrics.storageUsage.add(bytes, { bucket }),
    "storage.removed": ({ bucket, bytes }) => metrics.storageUsage.add(-bytes, { bucket }),
    "storage.measured": ({ bucket, bytes }) => metrics.storageUsage.set(bytes, { bucket }),
    "run.finished": ({ status }) => metrics.runs.inc(1, { status }),
    "model.finished": ({ model, operation, inputTokens, outputTokens, durationMs }) => {
      const named = genAiNames(operation, model);
      metrics.genAiDuration.observe(durationMs / 1_000, named);
      metrics.genAiTokens.observe(inputTokens, { ...named, gen_ai_token_type: "input" });
      if (outputTokens > 0) metrics.genAiTokens.observe(outputTokens, { ...named, gen_ai_token_type: "output" });
      metrics.modelTokens.inc(inputTokens, { model, operation, type: "input" });
      metrics.modelTokens.inc(outputTokens, { model, operation, type: "output" });
    },
    "model.failed": ({ model, operation, code, durationMs }) =>
      metrics.genAiDuration.observe(durationMs / 1_000, { ...genAiNames(operation, model), error_type: code }),
    "listings.stored": ({ inserted, updated, unchanged }) =>
      metrics.listingsScraped.inc(inserted + updated + unchanged),
    "listings.embedded": ({ count }) => metrics.listingsEmbedded.inc(count),
    "market_alert.triggered": () => metrics.marketAlerts.inc(),
    "workflow.completed": () => metrics.workflowsCompleted.inc(),
    "tool.finished": (event) => {
      const { tool, outcome, durationMs } = event;
      metrics.mcpRequests.inc(1, { tool, outcome });
      metrics.mcpDuration.observe(durationMs / 1_000, { tool });
      metrics.mcpServerDuration.observe(durationMs / 1_000, {
        mcp_method_name: "tools/call",
        gen_ai_tool_name: tool,
        error_type: event.code ?? (outcome === "error" ? "tool_error" : ""),
      });
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

function genAiNames(operation: string, model: string) {
  return {
    gen_ai_operation_name: operation === "embed" ? "embeddings" : "chat",
    gen_ai_provider_name: "ollama",
    gen_ai_request_model: model,
  };
}

/** Attaches a table of listeners. @returns a function that detaches them all */
export function subscribe(events: EventBus, listeners: Feeds): () => void {
  const names = Object.keys(listeners) as EventName[];
  const releases = names.map((name) => events.on(name, listeners[name] as (event: unknown) => void));
  return () => releases.forEach((release) => release());
}
