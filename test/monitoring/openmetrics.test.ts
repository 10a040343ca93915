import { describe, expect, it } from "vitest";
import { exponentialBuckets, linearBuckets, MonitoringSystem } from "../../src/monitoring/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { parseExposition } from "./exposition-grammar.ts";

const system = () => new MonitoringSystem({ defaultMetrics: false, clock: new ManualClock() });
const openmetrics = async (monitoring: MonitoringSystem, created = false) =>
  parseExposition(await monitoring.metrics({ format: "openmetrics", created }), "openmetrics");

describe("exemplars", () => {
  it("stand behind the bucket or counter they were recorded with, in OpenMetrics alone", async () => {
    const monitoring = system();
    const times = monitoring.trackMetric("op_seconds", "histogram", { buckets: [1, 5], labels: ["op"] });
    const jobs = monitoring.trackMetric("jobs", "counter", { labels: ["op"] });
    times.observe(0.5, { op: "a" }, { trace_id: "t1" });
    times.labels({ op: "a" }).observe(0.7, { trace_id: "t2", call_id: 'c"2"' });
    times.observe(9, { op: "a" }, { trace_id: "t3" });
    times.observe(3, { op: "a" });
    jobs.inc(2, { op: "a" }, { call_id: "c1" });
    jobs.labels({ op: "a" }).inc();
    const samples = (await openmetrics(monitoring)).flatMap((family) => family.samples);
    const exemplars = samples.flatMap(({ name, labels, exemplar }) =>
      exemplar ? [[name, labels["le"], exemplar]] : [],
    );
    expect(exemplars).toEqual([
      ["op_seconds_bucket", "1.0", { labels: { trace_id: "t2", call_id: 'c"2"' }, value: 0.7 }],
      ["op_seconds_bucket", "+Inf", { labels: { trace_id: "t3" }, value: 9 }],
      ["jobs_total", undefined, { labels: { call_id: "c1" }, value: 2 }],
    ]);
    const text = await monitoring.metrics();
    expect(text).not.toContain(" # {");
    parseExposition(text, "prometheus");
  });

  it("are left out where the standard could not carry them", async () => {
    const monitoring = system();
    const jobs = monitoring.trackMetric("jobs", "counter");
    for (const labels of [{ trace_id: "x".repeat(121) }, {}, { "not a name": "x" }, { trace_id: 3 as never }]) {
      jobs.inc(1, {}, labels);
      expect(await monitoring.metrics({ format: "openmetrics" })).not.toContain(" # {");
    }
    jobs.inc(1, {}, { trace_id: "x".repeat(120) });
    expect(await monitoring.metrics({ format: "openmetrics" })).toContain(" # {");
  });
});

describe("units and times", () => {
  it.each([
    [
      "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;q=0.3",
      1,
    ],
    ["application/openmetrics-text", 1],
    ["Application/OpenMetrics-Text; version=1.0.0, */*;q=0.1", 1],
    ["application/openmetrics-text;q=0, text/plain", 0],
    ["text/plain;version=0.0.4;q=0.6, application/openmetrics-text;version=1.0.0;q=0.5, */*;q=0.2", 0],
    ["*/*", 0],
    [undefined, 0],
  ])("answers Accept: %s", (accept, isOpen) => {
    const { contentType } = new MonitoringSystem().scrape({ accept });
    expect(contentType.startsWith("application/openmetrics-text")).toBe(isOpen === 1);
  });

  it("tells the unit in which a name ends", async () => {
    const monitoring = system();
    monitoring.trackMetric("spent_seconds", "counter");
    monitoring.trackMetric("weight_grams", "gauge", { unit: "grams" });
    monitoring.trackMetric("plain", "gauge");
    const families = await openmetrics(monitoring);
    const unitOf = (name: string) => families.find((family) => family.name === name)?.unit;
    expect([unitOf("spent_seconds"), unitOf("weight_grams"), unitOf("plain")]).toEqual(["seconds", "grams", undefined]);
    expect(await monitoring.metrics()).not.toContain("# UNIT");
    expect(() => monitoring.trackMetric("speed", "gauge", { unit: "knots" })).toThrow(/must end in its unit, _knots/);
  });

  it("tells since when a series counts, if asked", async () => {
    const clock = new ManualClock();
    const monitoring = new MonitoringSystem({ defaultMetrics: false, clock });
    await clock.advance(5_000);
    const at = clock.wallNow() / 1_000;
    monitoring.trackMetric("jobs", "counter", { labels: ["op"] }).inc(1, { op: "a" });
    monitoring.trackMetric("op_seconds", "histogram", { buckets: [1] }).observe(1);
    const text = await monitoring.metrics({ format: "openmetrics", created: true });
    parseExposition(text, "openmetrics");
    expect(text).toContain(`jobs_total{op="a"} 1\njobs_created{op="a"} ${at}\n`);
    expect(text).toContain(`op_seconds_count 1\nop_seconds_created ${at}\n`);
    expect(await monitoring.metrics({ format: "openmetrics" })).not.toContain("_created");
    expect(await monitoring.metrics({ created: true })).not.toContain("_created");
  });
});

describe("buckets", () => {
  it("grow by a factor or in steps", () => {
    expect(exponentialBuckets({ start: 0.1, factor: 2, count: 4 })).toEqual([0.1, 0.2, 0.4, 0.8]);
    expect(linearBuckets({ start: 0.1, width: 0.1, count: 3 })).toEqual([0.1, 0.2, 0.3]);
  });

  it.each([
    { start: 0, factor: 2, count: 3 },
    { start: 1, factor: 1, count: 3 },
    { start: 1, factor: 2, count: 201 },
    { start: 1, factor: 1e300, count: 5 },
  ])("refuses %o", (options) => {
    expect(() => exponentialBuckets(options)).toThrow(/exponentialBuckets: /);
  });

  it("refuses steps that lead nowhere", () => {
    expect(() => linearBuckets({ start: 1, width: 0, count: 3 })).toThrow(/width must be above 0/);
  });
});

describe("slices", () => {
  it("come one in each turn of the event loop, and together are the text", async () => {
    const monitoring = new MonitoringSystem({ defaultMetrics: false, maxSeriesPerMetric: 20_000 });
    const hits = monitoring.trackMetric("hits", "counter", { labels: ["user"] });
    for (let user = 0; user < 15_000; user += 1) hits.inc(1, { user });
    const slices: string[] = [];
    let turns = 0;
    let ended = false;
    const count = () => {
      turns += 1;
      if (!ended) setImmediate(count);
    };
    setImmediate(count);
    for await (const slice of monitoring.metricsStream()) slices.push(slice);
    ended = true;
    expect(slices.length).toBeGreaterThan(3);
    expect(turns).toBeGreaterThanOrEqual(slices.length - 1);
    expect(Math.max(...slices.map((slice) => slice.length))).toBeLessThan(40 * 1024);
    expect(slices.join("")).toBe(await monitoring.metrics());
  });
});
