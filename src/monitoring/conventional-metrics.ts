import { type OpenTelemetryNaming } from "./metrics/metric.ts";
import { type MetricRegistry } from "./metrics/registry.ts";

/** As the conventions advise, seconds. */
const DB_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const GEN_AI_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const MCP_SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const TOKENS = Array.from({ length: 14 }, (_, i) => 4 ** i);

const POOL_NAME = ["db.client.connection.pool.name"];

/**
 * Metrics that OpenTelemetry's conventions name, under their names in Prometheus here and under their own where a meter
 * is fed.
 * @see https://opentelemetry.io/docs/specs/semconv/database/database-metrics/ - stable; pools and gen-ai in development
 */
export function registerConventionalMetrics(registry: MetricRegistry) {
  return {
    dbDuration: registry.register("db_client_operation_duration_seconds", "histogram", {
      help: "Duration of database operations.",
      labels: ["db_system_name", "db_operation_name", "db_response_status_code", "error_type"],
      buckets: DB_SECONDS,
      openTelemetry: named("db.client.operation.duration", "s", [
        "db.system.name",
        "db.operation.name",
        "db.response.status_code",
        "error.type",
      ]),
    }),
    // Not `_count` as the convention has it: promtool keeps that ending for histograms.
    dbConnections: registry.register("db_client_connections", "gauge", {
      help: "Connections of a pool, by state.",
      ttlMs: null,
      labels: ["db_client_connection_pool_name", "db_client_connection_state"],
      openTelemetry: {
        ...named("db.client.connection.count", "{connection}", [
          "db.client.connection.pool.name",
          "db.client.connection.state",
        ]),
        upDown: true,
      },
    }),
    dbConnectionsMax: registry.register("db_client_connection_max", "gauge", {
      help: "Most connections that a pool opens.",
      ttlMs: null,
      labels: ["db_client_connection_pool_name"],
      openTelemetry: {
        ...named("db.client.connection.max", "{connection}", POOL_NAME),
        upDown: true,
      },
    }),
    dbPending: registry.register("db_client_connection_pending_requests", "gauge", {
      help: "Requests that wait for a connection.",
      ttlMs: null,
      labels: ["db_client_connection_pool_name"],
      openTelemetry: {
        ...named("db.client.connection.pending_requests", "{request}", POOL_NAME),
        upDown: true,
      },
    }),
    dbTimeouts: registry.register("db_client_connection_timeouts_total", "counter", {
      help: "Waits for a connection that ended without one.",
      labels: ["db_client_connection_pool_name"],
      openTelemetry: named("db.client.connection.timeouts", "{timeout}", POOL_NAME),
    }),
    dbCreateTime: registry.register("db_client_connection_create_time_seconds", "histogram", {
      help: "Time that opening a connection took.",
      labels: ["db_client_connection_pool_name"],
      buckets: DB_SECONDS,
      openTelemetry: named("db.client.connection.create_time", "s", POOL_NAME),
    }),
    dbWaitTime: registry.register("db_client_connection_wait_time_seconds", "histogram", {
      help: "Time that callers waited for a connection.",
      labels: ["db_client_connection_pool_name"],
      buckets: DB_SECONDS,
      openTelemetry: named("db.client.connection.wait_time", "s", POOL_NAME),
    }),
    dbUseTime: registry.register("db_client_connection_use_time_seconds", "histogram", {
      help: "Time that callers held a connection.",
      labels: ["db_client_connection_pool_name"],
      buckets: DB_SECONDS,
      openTelemetry: named("db.client.connection.use_time", "s", POOL_NAME),
    }),
    httpClientDuration: registry.register("http_client_request_duration_seconds", "histogram", {
      help: "Duration of HTTP requests to services, until the answer begins.",
      labels: ["http_request_method", "server_address", "server_port", "http_response_status_code", "error_type"],
      buckets: HTTP_SECONDS,
      openTelemetry: named("http.client.request.duration", "s", [
        "http.request.method",
        "server.address",
        "server.port",
        "http.response.status_code",
        "error.type",
      ]),
    }),
    genAiDuration: registry.register("gen_ai_client_operation_duration_seconds", "histogram", {
      help: "Duration of operations of models.",
      labels: ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "error_type"],
      buckets: GEN_AI_SECONDS,
      openTelemetry: named("gen_ai.client.operation.duration", "s", [
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "error.type",
      ]),
    }),
    genAiTokens: registry.register("gen_ai_client_token_usage", "histogram", {
      help: "Tokens read and written per operation of a model.",
      labels: ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"],
      buckets: TOKENS,
      openTelemetry: named("gen_ai.client.token.usage", "{token}", [
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.token.type",
      ]),
    }),
    mcpServerDuration: registry.register("mcp_server_operation_duration_seconds", "histogram", {
      help: "Duration of requests that an MCP server answered.",
      labels: ["mcp_method_name", "gen_ai_tool_name", "error_type"],
      buckets: MCP_SECONDS,
      openTelemetry: named("mcp.server.operation.duration", "s", ["mcp.method.name", "gen_ai.tool.name", "error.type"]),
    }),
  };
}

/** Labels are the attributes' names with underscores. */
function named(name: string, unit: string, attributes: readonly string[]): OpenTelemetryNaming {
  const byLabel = Object.fromEntries(attributes.map((attribute) => [attribute.replaceAll(".", "_"), attribute]));
  return { name, unit, attributes: byLabel };
}
