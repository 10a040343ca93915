import { describe, expect, it } from "vitest";
import { IntegrationError } from "../../src/core/index.ts";
import { MonitoringSystem } from "../../src/monitoring/index.ts";
import { parseExposition, sampleOf } from "./exposition-grammar.ts";

const REFUSED = "enhanced_integration_metrics_refused_total";
const OVERFLOWED = "enhanced_integration_metrics_overflowed_total";

const read = async (monitoring: MonitoringSystem, name: string, labels?: Record<string, string>) =>
  sampleOf(parseExposition(await monitoring.metrics(), "prometheus"), name, labels);

const codeOf = (fn: () => unknown) => {
  try {
    fn();
  } catch (error) {
    return IntegrationError.isInstance(error) ? error.code : error;
  }
  return undefined;
};

describe("counters", () => {
  it("adds through every way of recording to the same series", async () => {
    const monitoring = new MonitoringSystem();
    const jobs = monitoring.trackMetric("jobs_total", "counter", { labels: ["queue"] });
    jobs.inc(1, { queue: "mail" });
    jobs.labels({ queue: "mail" }).inc(2);
    monitoring.recordMetric("jobs_total", 3, { queue: "mail" });
    monitoring.counter("jobs_total").labels({ queue: "mail" }).inc();
    expect(await read(monitoring, "jobs_total", { queue: "mail" })).toBe(7);
  });

  it("exports _total and answers to the bare name too", async () => {
    const monitoring = new MonitoringSystem();
    monitoring.trackMetric("visits", "counter");
    monitoring.recordMetric("visits", 2);
    monitoring.recordMetric("visits_total", 3);
    expect(await read(monitoring, "visits_total")).toBe(5);
    expect(monitoring.counter("visits")).toBe(monitoring.counter("visits_total"));
  });

  it("exports nothing before the first record, and 0 once a series is bound", async () => {
    const monitoring = new MonitoringSystem();
    const jobs = monitoring.trackMetric("jobs_total", "counter");
    expect(await read(monitoring, "jobs_total")).toBeUndefined();
    jobs.labels();
    expect(await read(monitoring, "jobs_total")).toBe(0);
  });
});

describe("gauges", () => {
  it("is set and added to, and has no value until then", async () => {
    const monitoring = new MonitoringSystem();
    const depth = monitoring.trackMetric("queue_depth", "gauge", { labels: ["queue"] });
    const mail = depth.labels({ queue: "mail" });
    expect(await read(monitoring, "queue_depth", { queue: "mail" })).toBeUndefined();
    mail.add(3);
    mail.add(-5);
    expect(await read(monitoring, "queue_depth", { queue: "mail" })).toBe(-2);
    mail.set(0.5);
    expect(await read(monitoring, "queue_depth", { queue: "mail" })).toBe(0.5);
  });

  it("computes its value at each read, and falls back on the recorded one", async () => {
    const monitoring = new MonitoringSystem();
    const gauge = monitoring.trackMetric("queue_depth", "gauge");
    let depth: number | undefined = 4;
    gauge.labels().compute(() => depth);
    expect(await read(monitoring, "queue_depth")).toBe(4);
    depth = undefined;
    expect(await read(monitoring, "queue_depth")).toBeUndefined();
    gauge.set(9);
    expect(await read(monitoring, "queue_depth")).toBe(9);
  });
});

describe("histograms", () => {
  it("keeps buckets, sum and count; a bound belongs to its own bucket", async () => {
    const monitoring = new MonitoringSystem();
    const sizes = monitoring.trackMetric("sizes", "histogram", { buckets: [1, 5, 10.5], labels: ["kind"] });
    for (const value of [0.5, 1, 1.1, 5, 10.5, 11, 500]) sizes.observe(value, { kind: "a" });
    const text = await monitoring.metrics();
    const lines = text.split("\n").filter((line) => line.startsWith("sizes_"));
    expect(lines).toEqual([
      'sizes_bucket{kind="a",le="1.0"} 2',
      'sizes_bucket{kind="a",le="5.0"} 4',
      'sizes_bucket{kind="a",le="10.5"} 5',
      'sizes_bucket{kind="a",le="+Inf"} 7',
      'sizes_sum{kind="a"} 529.1',
      'sizes_count{kind="a"} 7',
    ]);
  });

  it.each([[[]], [[1, 1]], [[2, 1]], [[1, Infinity]], [[NaN]]])("refuses the buckets %j", (buckets) => {
    const monitoring = new MonitoringSystem();
    expect(codeOf(() => monitoring.trackMetric("sizes", "histogram", { buckets }))).toBe("INVALID_INPUT");
  });
});

describe("labels", () => {
  it("keeps label sets apart that would meet in a joined key, whatever the order of names", async () => {
    const monitoring = new MonitoringSystem();
    const metric = monitoring.trackMetric("hits_total", "counter", { labels: ["a", "b"] });
    metric.inc(1, { a: "x,", b: "y" });
    metric.inc(2, { a: "x", b: ",y" });
    metric.inc(4, { b: "y", a: "x" });
    metric.inc(8, { a: "x", b: "y" });
    metric.inc(16, { a: "x" });
    expect(await read(monitoring, "hits_total", { a: "x", b: "y" })).toBe(12);
    expect(await read(monitoring, "hits_total", { a: "x,", b: "y" })).toBe(1);
    expect(await read(monitoring, "hits_total", { a: "x", b: ",y" })).toBe(2);
    expect(await read(monitoring, "hits_total", { a: "x" })).toBe(16);
  });

  it("refuses and counts a record with an undeclared label, and throws when it is bound", async () => {
    const monitoring = new MonitoringSystem();
    const metric = monitoring.trackMetric("hits_total", "counter", { labels: ["a"] });
    const hostile = JSON.parse('{"a":"x","__proto__":"y"}') as Record<string, string>;
    monitoring.recordMetric("hits_total", 1, { a: "x", other: "y" });
    monitoring.recordMetric("hits_total", 1, { other: "y" });
    monitoring.recordMetric("hits_total", 1, hostile);
    expect(await read(monitoring, REFUSED, { reason: "unknown_label" })).toBe(3);
    expect(await read(monitoring, "hits_total", { a: "x" })).toBeUndefined();
    expect(() => metric.labels({ other: "y" } as never)).toThrow(/hits_total has the labels \[a\], got \[other\]/);
  });

  it("takes numbers and booleans as text, and undefined as absent", async () => {
    const monitoring = new MonitoringSystem();
    monitoring.trackMetric("hits_total", "counter", { labels: ["status", "cached", "route"] });
    monitoring.recordMetric("hits_total", 1, { status: 200, cached: true });
    monitoring.recordMetric("hits_total", 1, { status: "200", cached: "true", route: undefined });
    expect(await read(monitoring, "hits_total", { status: "200", cached: "true" })).toBe(2);
  });

  it.each([
    ["9lives", []],
    ["with-dash", []],
    ["", []],
    ["fine_total", ["bad-label"]],
    ["fine_total", ["__reserved"]],
    ["fine_total", ["le"]],
    ["fine_total", ["twice", "twice"]],
  ])("refuses the names %j %j", (name, labels) => {
    expect(codeOf(() => new MonitoringSystem().trackMetric(name, "gauge", { labels }))).toBe("INVALID_INPUT");
  });
});

describe("the cardinality cap", () => {
  it("sends everything past the cap into one overflow series and counts it", async () => {
    const monitoring = new MonitoringSystem({ maxSeriesPerMetric: 10 });
    const metric = monitoring.trackMetric("hits_total", "counter", { labels: ["user", "route"] });
    for (let i = 0; i < 1_000; i += 1) monitoring.recordMetric("hits_total", 1, { user: `u${i}`, route: "/" });
    monitoring.recordMetric("hits_total", 1, { user: "u0", route: "/" });
    metric.labels({ user: "late", route: "/" }).inc();
    expect(metric.series).toHaveLength(10);
    expect(await read(monitoring, "hits_total", { user: "u0", route: "/" })).toBe(2);
    expect(await read(monitoring, "hits_total", { user: "__overflow__", route: "__overflow__" })).toBe(992);
    expect(await read(monitoring, OVERFLOWED, { metric: "hits_total" })).toBe(992);
  });

  it("holds at 2000 series by default under 100,000 label values", () => {
    const metric = new MonitoringSystem().trackMetric("hits_total", "counter", { labels: ["user"] });
    for (let i = 0; i < 100_000; i += 1) metric.inc(1, { user: `user-${i}` });
    expect(metric.series).toHaveLength(2_000);
  });

  it("survives the overflow of the counter that counts overflows", async () => {
    const monitoring = new MonitoringSystem({ maxSeriesPerMetric: 2, defaultMetrics: false });
    for (let i = 0; i < 5; i += 1) {
      const metric = monitoring.trackMetric(`hits_${i}_total`, "counter", { labels: ["user"] });
      for (let user = 0; user < 3; user += 1) metric.inc(1, { user });
    }
    expect(await read(monitoring, OVERFLOWED, { metric: "hits_0_total" })).toBe(2);
    expect(await read(monitoring, OVERFLOWED, { metric: "__overflow__" })).toBe(8);
  });

  it.each([1, 0, -1, 1.5, NaN, 2e6])("refuses maxSeriesPerMetric %s and names range and value", (value) => {
    expect(() => new MonitoringSystem({ maxSeriesPerMetric: value, rateWindowMs: -5 })).toThrow(
      new RegExp(`maxSeriesPerMetric must be a whole number from 2 to 1000000, got ${value}; rateWindowMs .* got -5`),
    );
  });
});

describe("what is refused", () => {
  it.each([
    ["NaN", NaN, "not_a_number"],
    ["Infinity", Infinity, "not_a_number"],
    ["-Infinity", -Infinity, "not_a_number"],
    ["a negative increment", -1, "negative"],
    ["a string", "5" as unknown as number, "not_a_number"],
    ["a bigint", 5n as unknown as number, "not_a_number"],
    ["nothing", undefined as unknown as number, "not_a_number"],
  ])("a counter refuses %s, counts it and stays whole", async (_, value, reason) => {
    const monitoring = new MonitoringSystem();
    monitoring.trackMetric("hits_total", "counter");
    monitoring.recordMetric("hits_total", 2);
    if (value !== undefined) monitoring.recordMetric("hits_total", value);
    else monitoring.recordMetric("hits_total", null as never);
    expect(await read(monitoring, "hits_total")).toBe(2);
    expect(await read(monitoring, REFUSED, { reason })).toBe(1);
  });

  it("gauges and histograms refuse what is not finite", async () => {
    const monitoring = new MonitoringSystem();
    const gauge = monitoring.trackMetric("depth", "gauge");
    const histogram = monitoring.trackMetric("seconds", "histogram");
    gauge.set(1);
    histogram.observe(1);
    for (const value of [NaN, Infinity, -Infinity]) {
      gauge.set(value);
      gauge.add(value);
      histogram.observe(value);
    }
    expect(await read(monitoring, "depth")).toBe(1);
    expect(await read(monitoring, "seconds_count")).toBe(1);
    expect(await read(monitoring, REFUSED, { reason: "not_a_number" })).toBe(9);
  });

  it("an unknown name is refused and counted, and its handle does not exist", async () => {
    const monitoring = new MonitoringSystem();
    monitoring.recordMetric("nobody_knows", 1);
    monitoring.recordMetric("__proto__", 1);
    expect(await read(monitoring, REFUSED, { reason: "unknown_metric" })).toBe(2);
    expect(() => monitoring.counter("nobody_knows")).toThrow(/not registered; call trackMetric first/);
    expect(() => monitoring.gauge("listings_scraped")).toThrow(/is a counter, not a gauge/);
  });
});

describe("registration", () => {
  it("is idempotent: the same declaration finds the same metric and keeps its value", async () => {
    const monitoring = new MonitoringSystem();
    const first = monitoring.trackMetric("hits_total", "counter", { labels: ["a", "b"] });
    first.inc(5, { a: "x" });
    expect(monitoring.trackMetric("hits_total", "counter", { labels: ["b", "a"] })).toBe(first);
    expect(monitoring.trackMetric("hits", "counter")).toBe(first);
    expect(await read(monitoring, "hits_total", { a: "x" })).toBe(5);
  });

  it("throws for a conflicting type, label set, bucket list or sample name", () => {
    const monitoring = new MonitoringSystem();
    monitoring.trackMetric("hits_total", "counter", { labels: ["a"] });
    monitoring.trackMetric("seconds", "histogram", { buckets: [1, 2] });
    expect(codeOf(() => monitoring.trackMetric("hits_total", "gauge"))).toBe("CONFLICT");
    expect(codeOf(() => monitoring.trackMetric("hits", "gauge"))).toBe("CONFLICT");
    expect(codeOf(() => monitoring.trackMetric("hits_total", "counter", { labels: ["b"] }))).toBe("CONFLICT");
    expect(codeOf(() => monitoring.trackMetric("seconds", "histogram", { buckets: [1, 3] }))).toBe("CONFLICT");
    expect(codeOf(() => monitoring.trackMetric("seconds_count", "gauge"))).toBe("CONFLICT");
    expect(codeOf(() => monitoring.trackMetric("weird", "summary" as never))).toBe("INVALID_INPUT");
  });
});
