import { describe, expect, it } from "vitest";
import { EventBus } from "../../src/core/index.ts";
import { MonitoringSystem } from "../../src/monitoring/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { parseExposition, sampleOf } from "./exposition-grammar.ts";

function observed() {
  const clock = new ManualClock();
  const monitoring = new MonitoringSystem({ clock, rateMinimumSamples: 2, rateWindowMs: 60_000 });
  const events = new EventBus();
  const release = monitoring.observe(events);
  const read = async (name: string, labels?: Record<string, string>) =>
    sampleOf(parseExposition(await monitoring.metrics(), "prometheus"), name, labels);
  return { clock, monitoring, events, release, read };
}

const call = { callId: "1", service: "neon", operation: "query", attempts: 2, durationMs: 40, waitedMs: 0 } as const;

describe("observing events", () => {
  it("counts calls by outcome and code, with duration, failed attempts and retries", async () => {
    const { events, read } = observed();
    const attempt = { callId: "1", service: "neon", operation: "query", attempt: 1 } as const;
    events.emit("attempt.failed", { ...attempt, code: "NETWORK", verdict: "retryable", message: "", durationMs: 3 });
    events.emit("retry.scheduled", { ...attempt, delayMs: 5 });
    events.emit("call.finished", { ...call, outcome: "ok" });
    events.emit("call.finished", { ...call, outcome: "error", code: "NETWORK", durationMs: 60 });
    const labels = { service: "neon", operation: "query" };
    expect(await read("enhanced_integration_calls_total", { ...labels, outcome: "ok" })).toBe(1);
    expect(await read("enhanced_integration_calls_total", { ...labels, outcome: "error", code: "NETWORK" })).toBe(1);
    expect(await read("enhanced_integration_call_duration_seconds_sum", labels)).toBeCloseTo(0.1, 9);
    expect(await read("enhanced_integration_attempts_failed_total", { service: "neon", code: "NETWORK" })).toBe(1);
    expect(await read("enhanced_integration_retries_total", { service: "neon" })).toBe(1);
  });

  it("leads from a bucket to the call, and to its trace where it has one", async () => {
    const { events, monitoring } = observed();
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    events.emit("call.finished", { ...call, callId: "c-1", outcome: "ok", durationMs: 3 });
    events.emit("call.finished", { ...call, callId: "c-2", traceId, outcome: "error", code: "NETWORK" });
    const text = await monitoring.metrics({ format: "openmetrics" });
    expect(text).toMatch(/duration_seconds_bucket\{.*le="0.005"\} 1 # \{call_id="c-1"\} 0.003\n/);
    expect(text).toMatch(new RegExp(`le="0.05"\\} 2 # \\{call_id="c-2",trace_id="${traceId}"\\} 0.04\\n`));
  });

  it("follows the breaker, the limits and the pool", async () => {
    const { events, read } = observed();
    const circuit = () => read("enhanced_integration_circuit_state", { service: "ollama" });
    events.emit("circuit.opened", { service: "ollama", reason: "5 of 10 failed", breakMs: 1_000 });
    expect(await circuit()).toBe(2);
    events.emit("circuit.half_opened", { service: "ollama" });
    expect(await circuit()).toBe(1);
    events.emit("circuit.closed", { service: "ollama" });
    expect(await circuit()).toBe(0);
    events.emit("circuit.opened", { service: "ollama", part: "models", reason: "5 of 10 failed", breakMs: 1_000 });
    expect([
      await circuit(),
      await read("enhanced_integration_circuit_state", { service: "ollama", part: "models" }),
    ]).toEqual([0, 2]);
    events.emit("limit.refused", { limit: "search", retryAfterMs: 10 });
    events.emit("limit.waited", { limit: "search", waitedMs: 250 });
    expect(await read("enhanced_integration_rate_limited_total", { limit: "search" })).toBe(1);
    expect(await read("enhanced_integration_rate_limit_wait_seconds_total", { limit: "search" })).toBe(0.25);
    const gauges = { total: 1, idle: 0, waiting: 9, max: 20 };
    events.emit("pool.connecting", { pool: "main", gauges: () => gauges });
    expect(await read("neon_connection_pool_usage", { pool: "main" })).toBe(5);
    Object.assign(gauges, { total: 8, idle: 3, waiting: 2 });
    events.emit("pool.connection_lost", { pool: "main", message: "" });
    expect(await read("neon_connection_pool_usage", { pool: "main" })).toBe(25);
    expect(await read("enhanced_integration_pool_connections", { pool: "main", state: "used" })).toBe(5);
    expect(await read("enhanced_integration_pool_connections", { pool: "main", state: "idle" })).toBe(3);
    expect(await read("enhanced_integration_pool_connections", { pool: "main", state: "waiting" })).toBe(2);
    expect(await read("enhanced_integration_pool_connections_lost_total", { pool: "main" })).toBe(1);
  });

  it("feeds the pool's life, line, recovery and the compute's time awake", async () => {
    const { events, read } = observed();
    const pool = "main";
    events.emit("pool.connection_closed", { pool, reason: "silent", ageMs: 1 });
    events.emit("pool.acquire_failed", { pool, kind: "refused", waitedMs: 0 });
    events.emit("pool.leak_suspected", { pool, heldMs: 1, stack: "" });
    events.emit("pool.awake_extended", { pool, awakeMs: 90_000 });
    events.emit("pool.mode_changed", { pool, mode: "offline", reason: "gone" });
    events.emit("pool.recovery_started", { pool, mode: "offline", reason: "gone" });
    events.emit("pool.recovery_attempted", { pool, attempt: 1, outcome: "writable" });
    events.emit("pool.recovery_ended", { pool, outcome: "recovered", attempts: 1, degradedMs: 100 });
    events.emit("pool.fell_back", { pool, reason: "gone" });
    expect(await read("enhanced_integration_pool_connections_closed_total", { pool, reason: "silent" })).toBe(1);
    expect(await read("enhanced_integration_pool_refused_total", { pool })).toBe(1);
    expect(await read("enhanced_integration_pool_leaks_suspected_total", { pool })).toBe(1);
    expect(await read("neon_compute_awake_seconds_total", { pool })).toBe(90);
    expect(await read("enhanced_integration_pool_mode", { pool })).toBe(2);
    for (const step of ["started", "attempted", "recovered"])
      expect(await read("enhanced_integration_pool_recovery_steps_total", { pool, step })).toBe(1);
    expect(await read("enhanced_integration_pool_fallbacks_total", { pool })).toBe(1);
  });

  it("follows Supabase: success rate, active users, channels, uploads", async () => {
    const { clock, events, read } = observed();
    expect(await read("active_users")).toBeUndefined();
    events.emit("auth.finished", { operation: "verify", outcome: "ok", userId: "a" });
    events.emit("auth.finished", { operation: "verify", outcome: "ok", userId: "b" });
    events.emit("auth.finished", { operation: "verify", outcome: "ok", userId: "a" });
    events.emit("auth.finished", { operation: "signIn", outcome: "error" });
    expect(await read("supabase_auth_success_rate")).toBe(0.75);
    expect(await read("active_users")).toBe(2);
    await clock.advance(60_000);
    expect(await read("active_users")).toBe(0);
    events.emit("realtime.changed", { connections: 3 });
    events.emit("storage.uploaded", { bucket: "images", bytes: 100 });
    events.emit("storage.uploaded", { bucket: "images", bytes: 50 });
    expect(await read("supabase_realtime_connections")).toBe(3);
    expect(await read("supabase_storage_usage_bytes", { bucket: "images" })).toBe(150);
  });

  it("counts a tool that its caller cancelled or misused, but not as an error of ours", async () => {
    const { events, read } = observed();
    events.emit("tool.finished", { tool: "search", outcome: "ok", durationMs: 1 });
    for (const code of ["ABORTED", "INVALID_INPUT"] as const)
      events.emit("tool.finished", { tool: "search", outcome: "error", code, durationMs: 1 });
    expect(await read("mcp_requests_total", { tool: "search", outcome: "error" })).toBe(2);
    expect(await read("mcp_error_rate")).toBe(0);
    events.emit("tool.finished", { tool: "search", outcome: "error", code: "NETWORK", durationMs: 1 });
    expect(await read("mcp_error_rate")).toBe(0.25);
  });

  it("follows the business: tools, listings, workflows, runs, models, HTTP", async () => {
    const { events, monitoring, read } = observed();
    for (const outcome of ["ok", "ok", "ok", "error"] as const)
      events.emit("tool.finished", { tool: "search", outcome, durationMs: 500 });
    expect(await read("mcp_requests_total", { tool: "search", outcome: "ok" })).toBe(3);
    expect(await read("mcp_request_duration_seconds_sum", { tool: "search" })).toBe(2);
    expect(await read("mcp_error_rate")).toBe(0.25);
    expect(monitoring.checkAlerts().map(({ name, state }) => [name, state])).toEqual([
      ["mcp_high_error_rate", "firing"],
    ]);
    events.emit("listings.stored", { inserted: 3, updated: 2, unchanged: 5 });
    events.emit("listings.embedded", { count: 4 });
    events.emit("workflow.completed", { name: "weekly" });
    events.emit("market_alert.triggered", { alertId: "1", listingId: "2" });
    events.emit("run.finished", { status: "COMPLETED", steps: 9 });
    events.emit("query.finished", { transport: "tcp", statement: "SELECT", rows: 1, durationMs: 20 });
    expect(await read("listings_scraped_total")).toBe(10);
    expect(await read("enhanced_integration_listings_embedded_total")).toBe(4);
    expect(await read("workflows_completed_total")).toBe(1);
    expect(await read("enhanced_integration_market_alerts_triggered_total")).toBe(1);
    expect(await read("enhanced_integration_tinyfish_runs_total", { status: "COMPLETED" })).toBe(1);
    expect(await read("neon_query_duration_seconds_count", { transport: "tcp" })).toBe(1);
    const model = { model: "llama", operation: "chat" };
    events.emit("model.finished", { ...model, inputTokens: 12, outputTokens: 30, durationMs: 5 });
    expect(await read("enhanced_integration_model_tokens_total", { ...model, type: "input" })).toBe(12);
    expect(await read("enhanced_integration_model_tokens_total", { ...model, type: "output" })).toBe(30);
    events.emit("request.finished", { method: "GET", route: "/search", status: 200, durationMs: 5 });
    events.emit("request.finished", { method: "X-RANDOM-1", route: "/search", status: 405, durationMs: 5 });
    const route = { http_route: "/search" };
    const get = { ...route, http_request_method: "GET", http_response_status_code: "200" };
    const other = { ...route, http_request_method: "_OTHER", http_response_status_code: "405" };
    expect(await read("http_server_request_duration_seconds_count", get)).toBe(1);
    expect(await read("http_server_request_duration_seconds_count", other)).toBe(1);
  });

  it("never breaks a call: no listener throws, whatever an event holds", () => {
    const { events } = observed();
    events.emit("pool.connecting", { pool: "main", gauges: () => ({ total: 0, idle: 0, waiting: 0, max: 0 }) });
    events.emit("call.finished", { ...call, service: undefined as never, durationMs: NaN, outcome: "ok" });
    expect(events.faults).toBe(0);
  });

  it("stops listening when released", async () => {
    const { events, monitoring, release } = observed();
    release();
    events.emit("call.finished", { ...call, outcome: "ok" });
    expect(monitoring.serviceSummary()).toEqual({});
    expect(events.has("call.finished")).toBe(false);
  });
});

describe("the summary per service", () => {
  it("gives counts and quantiles within two percent of the true ones", () => {
    const { events, monitoring } = observed();
    for (let ms = 1; ms <= 1_000; ms += 1)
      events.emit("call.finished", { ...call, durationMs: ms, outcome: ms % 100 === 0 ? "error" : "ok" });
    events.emit("retry.scheduled", { ...call, attempt: 1, delayMs: 1 });
    const { neon } = monitoring.serviceSummary();
    expect(neon).toMatchObject({ count: 1_000, errors: 10, retries: 1 });
    expect(Math.abs((neon?.p50Ms ?? 0) / 500 - 1)).toBeLessThan(0.02);
    expect(Math.abs((neon?.p95Ms ?? 0) / 950 - 1)).toBeLessThan(0.02);
  });

  it("bears the extremes, and a host that makes up service names", () => {
    const { events, monitoring } = observed();
    for (const durationMs of [0, 1e-9, 1e12]) events.emit("call.finished", { ...call, durationMs, outcome: "ok" });
    expect(monitoring.serviceSummary()["neon"]?.p50Ms).toBeLessThan(0.01);
    expect(monitoring.serviceSummary()["neon"]?.p95Ms).toBeGreaterThan(9e7);
    for (let i = 0; i < 1_000; i += 1)
      events.emit("call.finished", { ...call, service: `s${i}`, outcome: "ok", durationMs: 1 });
    const summary = monitoring.serviceSummary();
    expect(Object.keys(summary)).toHaveLength(201);
    expect(summary["__overflow__"]?.count).toBe(801);
  });
});
