import { registerConventionalMetrics } from "./conventional-metrics.ts";
import { type MetricRegistry } from "./metrics/registry.ts";

/** The plan's bare names whose exported names differ by more than `_total`. */
export const planAliases: Readonly<Record<string, string>> = {
  neon_query_duration: "neon_query_duration_seconds",
  mcp_request_duration: "mcp_request_duration_seconds",
  supabase_storage_usage: "supabase_storage_usage_bytes",
};

/** Handles of everything that {@link observeEvents} feeds. */
export type StandardMetrics = ReturnType<typeof registerStandardMetrics>;

/** Declares the plan's metrics and ours, so that they are known (and scraped with HELP) before the first event. */
export function registerStandardMetrics(registry: MetricRegistry) {
  const counter = <const L extends string = never>(name: string, help: string, ...labels: L[]) =>
    registry.register(name, "counter", { help, labels });
  // They tell a state, and are told when it changes: quiet is no reason to forget it.
  const gauge = <const L extends string = never>(name: string, help: string, ...labels: L[]) =>
    registry.register(name, "gauge", { help, labels, ttlMs: null });
  const histogram = <const L extends string = never>(name: string, help: string, ...labels: L[]) =>
    registry.register(name, "histogram", { help, labels });

  const metrics = {
    // The plan's
    poolUsage: gauge("neon_connection_pool_usage", "Connections in use, percent of the pool's maximum.", "pool"),
    queryDuration: histogram("neon_query_duration_seconds", "Duration of queries against Neon.", "transport"),
    neonErrorRate: gauge("neon_error_rate", "Share of recent Neon calls that failed, 0 to 1."),
    authSuccessRate: gauge("supabase_auth_success_rate", "Share of recent Supabase auth operations that succeeded."),
    realtimeConnections: gauge("supabase_realtime_connections", "Supabase Realtime channels that are joined."),
    storageUsage: gauge(
      "supabase_storage_usage_bytes",
      "Bytes in Supabase Storage: as last measured, with this process's uploads and removals since.",
      "bucket",
    ),
    mcpRequests: counter("mcp_requests_total", "MCP tool calls.", "tool", "outcome"),
    mcpDuration: histogram("mcp_request_duration_seconds", "Duration of MCP tool calls.", "tool"),
    mcpErrorRate: gauge("mcp_error_rate", "Share of recent MCP tool calls that failed, 0 to 1."),
    activeUsers: gauge("active_users", "Different users seen recently by this process."),
    workflowsCompleted: counter("workflows_completed_total", "Workflows that reached their end."),
    listingsScraped: counter("listings_scraped_total", "Listings that arrived from scrapes, known ones included."),

    // Every call, whatever the service
    calls: counter(
      "enhanced_integration_calls_total",
      "Calls by outcome; code is the error code of failed ones.",
      "service",
      "operation",
      "outcome",
      "code",
    ),
    callDuration: histogram(
      "enhanced_integration_call_duration_seconds",
      "Duration of calls with all attempts and waits.",
      "service",
      "operation",
    ),
    attemptsFailed: counter(
      "enhanced_integration_attempts_failed_total",
      "Attempts that failed, whether or not a later one succeeded.",
      "service",
      "code",
    ),
    retries: counter("enhanced_integration_retries_total", "Retries that were scheduled.", "service"),
    circuitState: gauge(
      "enhanced_integration_circuit_state",
      "Circuit breaker of a service, or of a part of it: 0 closed, 1 half-open, 2 open.",
      "service",
      "part",
    ),
    rateLimited: counter("enhanced_integration_rate_limited_total", "Refusals by our own rate limits.", "limit"),
    rateLimitWait: counter(
      "enhanced_integration_rate_limit_wait_seconds_total",
      "Time that calls waited for our own rate limits.",
      "limit",
    ),
    poolConnections: gauge(
      "enhanced_integration_pool_connections",
      "Connections by state; waiting are calls without one.",
      "pool",
      "state",
    ),
    poolRefused: counter(
      "enhanced_integration_pool_refused_total",
      "Callers refused at once because too many waited for a connection.",
      "pool",
    ),
    poolClosed: counter(
      "enhanced_integration_pool_connections_closed_total",
      "Connections given up.",
      "pool",
      "reason",
    ),
    poolLeaks: counter("enhanced_integration_pool_leaks_suspected_total", "Connections held for too long.", "pool"),
    poolMode: gauge("enhanced_integration_pool_mode", "0 read-write, 1 read-only, 2 offline.", "pool"),
    poolRecoveries: counter(
      "enhanced_integration_pool_recovery_steps_total",
      "Recoveries started, attempted, and how they ended: recovered or paused.",
      "pool",
      "step",
    ),
    poolFallbacks: counter(
      "enhanced_integration_pool_fallbacks_total",
      "Reads that the primary answered because the replica could not.",
      "pool",
    ),
    awake: counter(
      "neon_compute_awake_seconds_total",
      "Time that our own traffic kept the compute awake, the tail until it suspends included; an estimate.",
      "pool",
    ),
    poolLost: counter("enhanced_integration_pool_connections_lost_total", "Connections that broke.", "pool"),
    modelTokens: counter(
      "enhanced_integration_model_tokens_total",
      "Tokens read and written by models.",
      "model",
      "operation",
      "type",
    ),
    runs: counter("enhanced_integration_tinyfish_runs_total", "TinyFish runs by final status.", "status"),
    listingsEmbedded: counter("enhanced_integration_listings_embedded_total", "Listings that were embedded."),
    marketAlerts: counter("enhanced_integration_market_alerts_triggered_total", "Market alerts that were triggered."),
    httpRequests: histogram(
      "http_server_request_duration_seconds",
      "Duration of HTTP requests that the host served.",
      "http_request_method",
      "http_route",
      "http_response_status_code",
    ),
  };
  const all = { ...metrics, ...registerConventionalMetrics(registry) };
  for (const [alias, name] of Object.entries(planAliases)) registry.alias(alias, name);
  return all;
}
