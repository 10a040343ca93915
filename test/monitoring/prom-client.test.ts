import { Counter, Gauge, Histogram, Registry, Summary } from "prom-client";
import { describe, expect, it } from "vitest";
import { MonitoringSystem } from "../../src/monitoring/index.ts";
import { parseExposition, sampleOf } from "./exposition-grammar.ts";

function ours() {
  const monitoring = new MonitoringSystem({ defaultMetrics: false, planAlerts: false });
  const jobs = monitoring.trackMetric("jobs", "counter", { labels: ["queue"], help: "Jobs." });
  const times = monitoring.trackMetric("job_seconds", "histogram", { labels: ["queue"], buckets: [1, 2.5] });
  jobs.inc(3, { queue: 'a"b' });
  times.observe(2, { queue: "mail" });
  return { monitoring, jobs };
}

/** A host's registry with one metric of each type. */
function host() {
  const register = new Registry();
  const registers = [register];
  new Counter({ name: "orders", help: "Orders.", labelNames: ["shop"], registers }).inc({ shop: "x" }, 4);
  new Gauge({ name: "carts", help: "Carts\nopen.", registers }).set(7);
  new Histogram({ name: "pay_seconds", help: "Paying.", buckets: [1, 2], registers }).observe(1.5);
  new Summary({ name: "size_bytes", help: "Sizes.", percentiles: [0.5], registers }).observe(9);
  return register;
}

describe("ours in a host's prom-client registry", () => {
  it("are scraped with the host's, those of the future included, until taken out", async () => {
    const { monitoring, jobs } = ours();
    const register = host();
    const release = monitoring.exposeTo(register);
    monitoring.trackMetric("late", "gauge").set(5);
    jobs.inc(1, { queue: 'a"b' });
    const families = parseExposition((await register.metrics()).replace(/\n\n/g, "\n"), "prometheus");
    expect(sampleOf(families, "jobs_total", { queue: 'a"b' })).toBe(4);
    expect(sampleOf(families, "job_seconds_bucket", { queue: "mail", le: "2.5" })).toBe(1);
    expect(sampleOf(families, "job_seconds_count", { queue: "mail" })).toBe(1);
    expect(sampleOf(families, "late")).toBe(5);
    expect(sampleOf(families, "orders", { shop: "x" })).toBe(4);
    register.resetMetrics();
    expect(await register.metrics()).toContain(" 4\n");
    release();
    monitoring.trackMetric("later", "gauge").set(5);
    const left = (await register.getMetricsAsJSON()).map(({ name }) => name);
    expect(left).toEqual(["orders", "carts", "pay_seconds", "size_bytes"]);
  });

  it("are right in OpenMetrics, where prom-client renames counters", async () => {
    const { monitoring } = ours();
    const register = new Registry();
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    monitoring.exposeTo(register);
    for (let scrape = 0; scrape < 2; scrape += 1) {
      const families = parseExposition(await register.metrics(), "openmetrics");
      expect(sampleOf(families, "jobs_total", { queue: 'a"b' })).toBe(3);
    }
  });

  it("leave the host its own names", async () => {
    const monitoring = new MonitoringSystem();
    const register = new Registry();
    new Gauge({ name: "process_resident_memory_bytes", help: "Mine.", registers: [register] }).set(1);
    const release = monitoring.exposeTo(register);
    expect(await register.getSingleMetricAsString("process_resident_memory_bytes")).toContain("Mine.");
    release();
    expect(register.getSingleMetric("process_resident_memory_bytes")).toBeDefined();
  });
});

describe("a host's prom-client metrics in our export", () => {
  it.each(["prometheus", "openmetrics"] as const)("are told after ours in %s text", async (format) => {
    const { monitoring } = ours();
    const release = monitoring.include(host());
    const families = parseExposition(await monitoring.metrics({ format }), format);
    const orders = format === "openmetrics" ? "orders_total" : "orders";
    expect(sampleOf(families, orders, { shop: "x" })).toBe(4);
    expect(sampleOf(families, "carts")).toBe(7);
    expect(sampleOf(families, "pay_seconds_bucket", { le: "2.0" })).toBe(1);
    expect(sampleOf(families, "pay_seconds_sum")).toBe(1.5);
    expect(sampleOf(families, "size_bytes", { quantile: "0.5" })).toBe(9);
    expect(sampleOf(families, "jobs_total", { queue: 'a"b' })).toBe(3);
    release();
    expect(await monitoring.metrics({ format })).not.toContain("orders");
  });

  it("are told once where two have one name: ours, or the first host's", async () => {
    const { monitoring } = ours();
    const [first, second] = [new Registry(), new Registry()];
    new Gauge({ name: "jobs_total", help: "Theirs.", registers: [first] }).set(99);
    new Gauge({ name: "carts", help: "First.", registers: [first] }).set(1);
    new Gauge({ name: "carts", help: "Second.", registers: [second] }).set(2);
    monitoring.include(first);
    monitoring.include(second);
    const families = parseExposition(await monitoring.metrics(), "prometheus");
    expect(sampleOf(families, "carts")).toBe(1);
    expect(sampleOf(families, "jobs_total")).toBeUndefined();
  });
});
