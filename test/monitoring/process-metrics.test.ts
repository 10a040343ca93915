import { collectDefaultMetrics, Registry } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { MonitoringSystem } from "../../src/monitoring/index.ts";
import { parseExposition, sampleOf } from "./exposition-grammar.ts";

const started: MonitoringSystem[] = [];
afterEach(() => started.splice(0).forEach((monitoring) => monitoring.stop()));

function system() {
  const monitoring = new MonitoringSystem({ planAlerts: false });
  started.push(monitoring);
  return monitoring;
}

describe("metrics of the process", () => {
  it("have the names, types and labels of prom-client's", async () => {
    const monitoring = system();
    const register = new Registry();
    collectDefaultMetrics({ register });
    const theirs = (await register.getMetricsAsJSON()) as unknown as { name: string; type: string }[];
    const ours = new Map(parseExposition(await monitoring.metrics(), "prometheus").map((each) => [each.name, each]));
    const missing = theirs.filter(({ name, type }) => ours.get(name)?.type !== type).map(({ name }) => name);
    // Gauges that end in _total fail Prometheus' own checker, and are the sum of the labelled ones. Handles and requests
    // are private to Node: its documented resources hold both.
    expect(missing.sort()).toEqual([
      "nodejs_active_handles",
      "nodejs_active_handles_total",
      "nodejs_active_requests",
      "nodejs_active_requests_total",
      "nodejs_active_resources_total",
    ]);
  });

  it("are true of this process", async () => {
    const monitoring = system();
    const families = parseExposition(await monitoring.metrics(), "prometheus");
    const of = (name: string, labels?: Record<string, string>) => sampleOf(families, name, labels) ?? NaN;
    const user = of("process_cpu_user_seconds_total");
    expect(user).toBeGreaterThan(0);
    expect(of("process_cpu_seconds_total")).toBeGreaterThanOrEqual(user + of("process_cpu_system_seconds_total"));
    expect(of("nodejs_heap_size_used_bytes")).toBeLessThan(of("nodejs_heap_size_total_bytes"));
    expect(of("process_resident_memory_bytes")).toBeGreaterThan(1e7);
    expect(of("nodejs_heap_space_size_used_bytes", { space: "old" })).toBeGreaterThan(1e5);
    expect(of("nodejs_eventloop_lag_seconds")).toBeGreaterThanOrEqual(0);
    if (process.platform === "linux") {
      expect(of("process_open_fds")).toBeGreaterThan(3);
      expect(of("process_max_fds")).toBeGreaterThan(of("process_open_fds"));
      expect(of("process_virtual_memory_bytes")).toBeGreaterThan(of("process_resident_memory_bytes"));
    }
  });

  it("watch collections and the event loop between start and stop", async () => {
    const monitoring = system();
    const collections = () =>
      monitoring.read("nodejs_gc_duration_seconds_count").reduce((sum, { value }) => sum + value, 0);
    const rubbish = async () => {
      for (let round = 0; round < 40; round += 1) {
        Array.from({ length: 50_000 }, (_, i) => ({ i }));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await rubbish();
    expect(collections()).toBe(0);
    monitoring.start();
    await expect.poll(async () => (await rubbish(), collections())).toBeGreaterThan(0);
    await expect
      .poll(async () => (await monitoring.metrics(), monitoring.read("nodejs_eventloop_lag_p99_seconds")[0]?.value))
      .toBeGreaterThan(0);
    monitoring.stop();
    const seen = collections();
    await rubbish();
    expect(collections()).toBe(seen);
  });
});
