import { AggregationTemporality, DataPointType, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { afterEach, describe, expect, it } from "vitest";
import { EventBus } from "../../src/core/index.ts";
import { MonitoringSystem } from "../../src/monitoring/index.ts";

class Reader extends MetricReader {
  protected override onForceFlush = () => Promise.resolve();
  protected override onShutdown = () => Promise.resolve();
  override selectAggregationTemporality = () => AggregationTemporality.CUMULATIVE;
}

const reader = new Reader();
const provider = new MeterProvider({ readers: [reader] });
let meters = 0;
const releases: (() => void)[] = [];

function bridged() {
  const monitoring = new MonitoringSystem({ defaultMetrics: false, planAlerts: false });
  const scope = `test-${++meters}`;
  const release = monitoring.bridgeTo(provider.getMeter(scope));
  releases.push(release);
  const collect = async () => {
    const { resourceMetrics, errors } = await reader.collect();
    expect(errors).toEqual([]);
    const found = resourceMetrics.scopeMetrics.find((each) => each.scope.name === scope)?.metrics ?? [];
    return new Map(found.filter(({ dataPoints }) => dataPoints.length > 0).map((each) => [each.descriptor.name, each]));
  };
  return { monitoring, release, collect };
}

afterEach(() => releases.splice(0).forEach((release) => release()));

describe("the bridge to OpenTelemetry", () => {
  it("gives counters and gauges when the host collects, under names without unit and _total", async () => {
    const { monitoring, collect } = bridged();
    const spent = monitoring.trackMetric("spent_seconds", "counter", { labels: ["on"], help: "Spent." });
    monitoring.trackMetric("depth", "gauge").set(4);
    monitoring.trackMetric("unset", "gauge").labels();
    spent.inc(2, { on: "x" });
    await collect();
    spent.inc(3, { on: "x" });
    const metrics = await collect();
    const counted = metrics.get("spent");
    expect(counted?.descriptor).toMatchObject({ unit: "s", description: "Spent." });
    expect(counted?.dataPointType).toBe(DataPointType.SUM);
    expect(counted?.dataPoints.map(({ value, attributes }) => [value, attributes])).toEqual([[5, { on: "x" }]]);
    expect(metrics.get("depth")?.dataPoints[0]?.value).toBe(4);
    expect(metrics.has("unset")).toBe(false);
  });

  it("records histograms as they come, in our buckets, by name or bound", async () => {
    const { monitoring, collect, release } = bridged();
    const times = monitoring.trackMetric("job_seconds", "histogram", { labels: ["queue"], buckets: [1, 5] });
    times.observe(0.5, { queue: "a" });
    times.labels({ queue: "a" }).observe(3);
    monitoring.recordMetric("job_seconds", 9, { queue: "a" });
    const point = (await collect()).get("job")?.dataPoints[0];
    expect(point?.value).toMatchObject({ count: 3, sum: 12.5, buckets: { boundaries: [1, 5], counts: [1, 1, 1] } });
    release();
    times.observe(1, { queue: "a" });
    expect((await collect()).get("job")?.dataPoints[0]?.value).toMatchObject({ count: 3 });
    expect(monitoring.read("job_seconds_count")[0]?.value).toBe(4);
  });

  it("uses the names of the conventions, in our registry with underscores", async () => {
    const { monitoring, collect } = bridged();
    const events = new EventBus();
    monitoring.observe(events);
    events.emit("query.finished", { transport: "tcp", statement: "select 1f0c92ab", rows: 1, durationMs: 20 });
    const insert = { transport: "tcp", statement: "insert 8a1c02de", durationMs: 3 };
    events.emit("query.failed", { ...insert, code: "CONFLICT", sqlState: "23505" });
    events.emit("query.failed", { ...insert, code: "NETWORK" });
    events.emit("pool.connecting", { pool: "main", gauges: () => ({ total: 8, idle: 3, waiting: 2, max: 20 }) });
    events.emit("pool.connection_created", { pool: "main", durationMs: 5 });
    events.emit("pool.connection_returned", { pool: "main", waitedMs: 1, usedMs: 2 });
    events.emit("pool.acquire_failed", { pool: "main", kind: "timeout", waitedMs: 10 });
    const http = {
      service: "tinyfish",
      method: "POST",
      url: "https://agent.tinyfish.ai/v1/x?secret=1",
      durationMs: 30,
    };
    events.emit("http.finished", { ...http, status: 200 });
    events.emit("http.finished", { ...http, status: 503 });
    events.emit("http.finished", { ...http, code: "NETWORK" });
    const model = { model: "llama3", operation: "chat", inputTokens: 12, outputTokens: 30, durationMs: 900 };
    events.emit("model.finished", model);
    events.emit("model.failed", { model: "llama3", operation: "chat", code: "ATTEMPT_TIMEOUT", durationMs: 5_000 });
    events.emit("tool.finished", { tool: "search", outcome: "error", code: "NETWORK", durationMs: 7 });

    const metrics = await collect();
    const points = (name: string) => metrics.get(name)?.dataPoints.map(({ attributes, value }) => [attributes, value]);
    const db = { "db.system.name": "postgresql" };
    expect(points("db.client.operation.duration")).toMatchObject([
      [
        { ...db, "db.operation.name": "SELECT" },
        { count: 1, sum: 0.02 },
      ],
      [
        { ...db, "db.operation.name": "INSERT", "db.response.status_code": "23505", "error.type": "23505" },
        { count: 1 },
      ],
      [{ ...db, "db.operation.name": "INSERT", "error.type": "NETWORK" }, { count: 1 }],
    ]);
    const pool = { "db.client.connection.pool.name": "main" };
    expect(points("db.client.connection.count")).toEqual([
      [{ ...pool, "db.client.connection.state": "used" }, 5],
      [{ ...pool, "db.client.connection.state": "idle" }, 3],
    ]);
    expect(points("db.client.connection.max")).toEqual([[pool, 20]]);
    expect(points("db.client.connection.pending_requests")).toEqual([[pool, 2]]);
    expect(points("db.client.connection.timeouts")).toEqual([[pool, 1]]);
    for (const time of ["create_time", "wait_time", "use_time"])
      expect(points(`db.client.connection.${time}`)).toMatchObject([[pool, { count: 1 }]]);
    const request = { "http.request.method": "POST", "server.address": "agent.tinyfish.ai", "server.port": "443" };
    expect(points("http.client.request.duration")).toMatchObject([
      [
        { ...request, "http.response.status_code": "200" },
        { count: 1, sum: 0.03 },
      ],
      [{ ...request, "http.response.status_code": "503", "error.type": "503" }, { count: 1 }],
      [{ ...request, "error.type": "NETWORK" }, { count: 1 }],
    ]);
    const names = {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "ollama",
      "gen_ai.request.model": "llama3",
    };
    expect(points("gen_ai.client.operation.duration")).toMatchObject([
      [names, { sum: 0.9 }],
      [{ ...names, "error.type": "ATTEMPT_TIMEOUT" }, { sum: 5 }],
    ]);
    expect(points("gen_ai.client.token.usage")).toMatchObject([
      [{ ...names, "gen_ai.token.type": "input" }, { sum: 12 }],
      [{ ...names, "gen_ai.token.type": "output" }, { sum: 30 }],
    ]);
    expect(metrics.get("gen_ai.client.token.usage")?.descriptor.unit).toBe("{token}");
    expect(points("mcp.server.operation.duration")).toMatchObject([
      [{ "mcp.method.name": "tools/call", "gen_ai.tool.name": "search", "error.type": "NETWORK" }, { count: 1 }],
    ]);
    expect(monitoring.read("db_client_operation_duration_seconds_count").map(({ value }) => value)).toEqual([1, 1, 1]);
    expect(JSON.stringify([...metrics.values()])).not.toContain("secret");
  });
});
