import { describe, expect, it } from "vitest";
import { EventBus } from "../../src/core/index.ts";
import { MonitoringSystem } from "../../src/monitoring/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { parseExposition, sampleOf } from "./exposition-grammar.ts";

const neonCall = {
  callId: "1",
  service: "neon",
  operation: "query",
  attempts: 1,
  durationMs: 1,
  waitedMs: 0,
} as const;

function planSystem() {
  const clock = new ManualClock();
  const monitoring = new MonitoringSystem({ clock });
  const events = new EventBus();
  monitoring.observe(events);
  const told = () => monitoring.checkAlerts().map(({ name, state }) => `${name} ${state}`);
  const read = async (name: string) => sampleOf(parseExposition(await monitoring.metrics(), "prometheus"), name);
  return { clock, monitoring, events, told, read };
}

/** One test per flaw of the plan's MonitoringSystem sketch, in its order. */
describe("the plan's monitoring, put right", () => {
  it("constructs, with the plan's three alerts in place", () => {
    expect(planSystem().monitoring.alerts()).toEqual([
      {
        name: "neon_connection_pool_exhausted",
        state: "no-data",
        severity: "critical",
        message: "NEON connection pool nearly exhausted",
      },
      { name: "neon_high_error_rate", state: "no-data", severity: "warning", message: "NEON error rate above 5%" },
      { name: "mcp_high_error_rate", state: "no-data", severity: "critical", message: "MCP error rate above 10%" },
    ]);
    expect(new MonitoringSystem({ planAlerts: false }).alerts()).toEqual([]);
  });

  it("an alert finds its metric: usage 99 is above 90", () => {
    const { monitoring, told } = planSystem();
    monitoring.recordMetric("neon_connection_pool_usage", 99);
    expect(told()).toEqual(["neon_connection_pool_exhausted firing"]);
  });

  it.each(["active_users  >  5", "active_users>5", "active_users > 5"])("blanks in %j do not matter", (condition) => {
    const { monitoring, told } = planSystem();
    monitoring.addAlert("crowd", { condition, severity: "info", message: "many" });
    monitoring.recordMetric("active_users", 6);
    expect(told()).toEqual(["crowd firing"]);
  });

  it.each([
    ["active_users > abc", 16],
    ["active_users ~ 5", 14],
    ["active_users == 5.5", 14],
  ])("%j is an error, not false", (condition, position) => {
    const { monitoring } = planSystem();
    expect(() => monitoring.addAlert("crowd", { condition, severity: "info", message: "many" })).toThrow(
      `character ${position}: `,
    );
  });

  it("one error in a million calls is no error rate above 5 %", () => {
    const { events, told } = planSystem();
    events.emit("call.finished", { ...neonCall, outcome: "error", code: "NETWORK" });
    for (let i = 1; i < 1_000_000; i += 1) events.emit("call.finished", { ...neonCall, outcome: "ok" });
    expect(told()).toEqual([]);
  });

  it("the error rate is one of a window: it rises, fires, and falls again by itself", async () => {
    const { clock, events, told, read } = planSystem();
    for (let i = 0; i < 90; i += 1) events.emit("call.finished", { ...neonCall, outcome: "ok" });
    await clock.advance(240_000);
    for (let i = 0; i < 10; i += 1) events.emit("call.finished", { ...neonCall, outcome: "error", code: "NETWORK" });
    expect(await read("neon_error_rate")).toBe(0.1);
    expect(told()).toEqual(["neon_high_error_rate firing"]);
    await clock.advance(60_000);
    expect(await read("neon_error_rate")).toBe(1);
    for (let i = 0; i < 990; i += 1) events.emit("call.finished", { ...neonCall, outcome: "ok" });
    expect(await read("neon_error_rate")).toBe(0.01);
    expect(told()).toEqual(["neon_high_error_rate resolved"]);
    await clock.advance(301_000);
    expect(await read("neon_error_rate")).toBeUndefined();
  });

  it("one failure of one call is no rate, and the caller's own faults are no failures of Neon", async () => {
    const { events, read, told } = planSystem();
    events.emit("call.finished", { ...neonCall, outcome: "error", code: "NETWORK" });
    expect(await read("neon_error_rate")).toBeUndefined();
    for (let i = 0; i < 99; i += 1) events.emit("call.finished", { ...neonCall, outcome: "error", code: "CONFLICT" });
    expect(await read("neon_error_rate")).toBe(0.01);
    expect(told()).toEqual([]);
  });

  it("a histogram keeps 5, 500 and 7, not only the last", async () => {
    const { monitoring, read } = planSystem();
    for (const value of [5, 500, 7]) monitoring.recordMetric("neon_query_duration", value);
    expect(await read("neon_query_duration_seconds_count")).toBe(3);
    expect(await read("neon_query_duration_seconds_sum")).toBe(512);
  });

  it("labels make series of their own", async () => {
    const { monitoring } = planSystem();
    monitoring.recordMetric("mcp_requests_total", 1, { tool: "search", outcome: "ok" });
    monitoring.recordMetric("mcp_requests_total", 2, { tool: "scrape", outcome: "ok" });
    const families = parseExposition(await monitoring.metrics(), "prometheus");
    expect(sampleOf(families, "mcp_requests_total", { tool: "search", outcome: "ok" })).toBe(1);
    expect(sampleOf(families, "mcp_requests_total", { tool: "scrape", outcome: "ok" })).toBe(2);
  });

  it("an unknown metric, NaN and a negative increment are counted, and nothing is spoilt", async () => {
    const { monitoring, read } = planSystem();
    monitoring.recordMetric("workflows_completed", 1);
    monitoring.recordMetric("workflows_completed", NaN);
    monitoring.recordMetric("workflows_completed", -5);
    monitoring.recordMetric("workflow_completed", 1);
    expect(await read("workflows_completed_total")).toBe(1);
    const families = parseExposition(await monitoring.metrics(), "prometheus");
    const refused = families.find(({ name }) => name === "enhanced_integration_metrics_refused_total");
    expect(Object.fromEntries(refused?.samples.map(({ labels, value }) => [labels["reason"], value]) ?? [])).toEqual({
      not_a_number: 1,
      negative: 1,
      unknown_metric: 1,
    });
  });

  it("an alert that stays is told once, not at each of three checks", () => {
    const { monitoring, told } = planSystem();
    monitoring.recordMetric("neon_connection_pool_usage", 99);
    expect([told(), told(), told()]).toEqual([["neon_connection_pool_exhausted firing"], [], []]);
  });

  it("tracking again keeps the value", async () => {
    const { monitoring, read } = planSystem();
    monitoring.recordMetric("workflows_completed", 3);
    monitoring.trackMetric("workflows_completed", "counter");
    monitoring.trackMetric("mcp_request_duration", "histogram");
    monitoring.trackMetric("supabase_storage_usage", "gauge");
    expect(await read("workflows_completed_total")).toBe(3);
  });

  it("an unmeasured metric satisfies no rule", () => {
    const { monitoring, told } = planSystem();
    monitoring.addAlert("nobody", { condition: "active_users < 1", severity: "info", message: "nobody is here" });
    monitoring.addAlert("nothing", { condition: "listings_scraped < 1", severity: "info", message: "no listings" });
    expect(told()).toEqual([]);
    monitoring.recordMetric("active_users", 0);
    monitoring.recordMetric("listings_scraped", 0);
    expect(told()).toEqual(["nobody firing", "nothing firing"]);
  });

  it("every plan name records, and is exported with its unit and _total", async () => {
    const { monitoring, read } = planSystem();
    const exported = {
      neon_connection_pool_usage: "neon_connection_pool_usage",
      neon_query_duration: "neon_query_duration_seconds_count",
      neon_error_rate: "neon_error_rate",
      supabase_auth_success_rate: "supabase_auth_success_rate",
      supabase_realtime_connections: "supabase_realtime_connections",
      supabase_storage_usage: "supabase_storage_usage_bytes",
      mcp_requests_total: "mcp_requests_total",
      mcp_request_duration: "mcp_request_duration_seconds_count",
      mcp_error_rate: "mcp_error_rate",
      active_users: "active_users",
      workflows_completed: "workflows_completed_total",
      listings_scraped: "listings_scraped_total",
    };
    for (const name of Object.keys(exported)) monitoring.recordMetric(name, 1);
    for (const name of Object.values(exported)) expect(await read(name), name).toBe(1);
    expect(await read("enhanced_integration_metrics_refused_total")).toBeUndefined();
  });
});
