import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventBus } from "../../src/core/index.ts";
import { MonitoringSystem } from "../../src/monitoring/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { parseExposition, sampleOf } from "./exposition-grammar.ts";
import { hasPromtool, promtool } from "./promtool.ts";

const hostile = [
  'quote " backslash \\ line\nend',
  "CR\r NUL\0 ANSI\x1b[31m",
  "line\u2028separators\u2029",
  "bidi \u202e",
  "\ud800",
];

/** A system with every kind of metric, hostile texts included. */
function busySystem(): MonitoringSystem {
  const monitoring = new MonitoringSystem();
  const events = new EventBus();
  monitoring.observe(events);
  monitoring.trackMetric("texts", "counter", { help: 'Says "\\" and\nmore.', labels: ["text"] });
  for (const text of hostile) monitoring.recordMetric("texts", 1.5, { text });
  monitoring.trackMetric("queue_depth", "gauge");
  monitoring.recordMetric("queue_depth", -1e-7);
  monitoring.recordMetric("neon_query_duration", 0.02);
  monitoring.recordMetric("listings_scraped", 1e21);
  const call = { callId: "1", service: "neon", operation: "query", attempts: 1, durationMs: 12, waitedMs: 0 } as const;
  for (let i = 0; i < 20; i += 1) events.emit("call.finished", { ...call, outcome: "error", code: "NETWORK" });
  events.emit("call.finished", { ...call, outcome: "ok" });
  return monitoring;
}

describe("exposition", () => {
  it.each(["prometheus", "openmetrics"] as const)(
    "%s text keeps the grammar whatever the labels hold",
    async (format) => {
      const families = parseExposition(await busySystem().metrics({ format }), format);
      const texts = families.find((family) => family.name.startsWith("texts"));
      expect(texts?.samples.map((sample) => sample.labels["text"])).toEqual([
        hostile[0],
        "CR\ufffd NUL\ufffd ANSI\ufffd[31m",
        "line\ufffdseparators\ufffd",
        "bidi \ufffd",
        "\ufffd",
      ]);
      expect(sampleOf(families, "queue_depth")).toBe(-1e-7);
      expect(sampleOf(families, "listings_scraped_total")).toBe(1e21);
    },
  );

  it("any label value stays one series on one line", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "binary" }), { maxLength: 20 }), async (values) => {
        const monitoring = new MonitoringSystem({ defaultMetrics: false });
        monitoring.trackMetric("texts", "counter", { labels: ["text"] });
        for (const text of values) monitoring.recordMetric("texts", 1, { text });
        const families = parseExposition(await monitoring.metrics({ format: "openmetrics" }), "openmetrics");
        const samples = families.find((family) => family.name === "texts")?.samples ?? [];
        expect(samples.reduce((total, sample) => total + sample.value, 0)).toBe(values.length);
      }),
      { numRuns: 200 },
    );
  });

  it("names a counter's family with _total in the text format and without it in OpenMetrics, which ends in # EOF", async () => {
    const monitoring = new MonitoringSystem();
    monitoring.recordMetric("workflows_completed", 1);
    const prometheus = await monitoring.metrics();
    const openmetrics = await monitoring.metrics({ format: "openmetrics" });
    expect(prometheus).toContain("# TYPE workflows_completed_total counter\nworkflows_completed_total 1\n");
    expect(openmetrics).toContain("# TYPE workflows_completed counter\nworkflows_completed_total 1\n");
    expect(openmetrics.endsWith("\n# EOF\n")).toBe(true);
    expect(prometheus).not.toContain("# EOF");
  });

  it("generates HELP where none was given and escapes what was", async () => {
    const monitoring = new MonitoringSystem();
    monitoring.trackMetric("jobs_waiting", "gauge");
    monitoring.trackMetric("odd", "gauge", { help: 'a "b" \\ c\nd' });
    expect(await monitoring.metrics()).toContain("# HELP jobs_waiting Jobs waiting (gauge).\n");
    expect(await monitoring.metrics()).toContain('# HELP odd a "b" \\\\ c\\nd\n');
    expect(await monitoring.metrics({ format: "openmetrics" })).toContain('# HELP odd a \\"b\\" \\\\ c\\nd\n');
  });

  it("survives a computed metric that throws and an exemplar that is none, and tells what is infinite", async () => {
    const monitoring = new MonitoringSystem({ defaultMetrics: false });
    monitoring.trackMetric("queue_depth", "gauge").labels();
    monitoring.gauge("queue_depth").set(3);
    monitoring
      .gauge("queue_depth")
      .labels()
      .compute(() => {
        throw new Error("no connection");
      });
    const sizes = monitoring.trackMetric("sizes", "histogram", { buckets: [1] });
    sizes.observe(1e308, undefined, null as never);
    sizes.observe(1e308);
    monitoring.addAlert("deep", { condition: "queue_depth > 2", severity: "info", message: "deep" });
    expect(monitoring.checkAlerts()).toMatchObject([{ name: "deep", state: "firing", value: 3 }]);
    const text = await monitoring.metrics({ format: "openmetrics" });
    expect(text).toContain("\nqueue_depth 3\n");
    expect(text).toContain('\nsizes_bucket{le="+Inf"} 2\nsizes_sum +Inf\n');
    const refused = monitoring.read("enhanced_integration_metrics_refused_total");
    expect(refused.find(({ labels }) => labels["reason"] === "not_computed")?.value).toBeGreaterThanOrEqual(2);
  });

  it("lets the event loop turn many times while a large scrape is written", async () => {
    const monitoring = new MonitoringSystem({ maxSeriesPerMetric: 20_000 });
    const metric = monitoring.trackMetric("hits_total", "counter", { labels: ["user"] });
    for (let i = 0; i < 15_000; i += 1) metric.inc(1, { user: `u${i}` });
    let turns = 0;
    let done = false;
    const count = () => {
      turns += 1;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    const text = await monitoring.metrics();
    done = true;
    expect(text.split("\n").filter((line) => line.startsWith("hits_total{"))).toHaveLength(15_000);
    expect(turns).toBeGreaterThanOrEqual(15);
  });

  it("looks at the clock every few series, also where they and whole metrics have nothing to say", async () => {
    let sinceLook = 0;
    let most = 0;
    class WatchedClock extends ManualClock {
      override now(): number {
        most = Math.max(most, sinceLook);
        sinceLook = 0;
        return super.now();
      }
    }
    const monitoring = new MonitoringSystem({ defaultMetrics: false, clock: new WatchedClock() });
    const quiet = monitoring.trackMetric("quiet", "gauge", { labels: ["n"] });
    for (let n = 0; n < 1_500; n += 1) quiet.labels({ n }).compute(() => void (sinceLook += 1));
    let length = 0;
    for await (const slice of monitoring.metricsStream()) length += slice.length;
    expect(length).toBeLessThan(20_000);
    expect([most > 10, most <= 64]).toEqual([true, true]);

    const many = new MonitoringSystem({ defaultMetrics: false });
    for (let n = 0; n < 2_000; n += 1) many.trackMetric(`metric_${n}`, "gauge");
    const lengths: number[] = [];
    for await (const slice of many.metricsStream()) lengths.push(slice.length);
    expect(Math.max(...lengths)).toBeLessThan(36 * 1024);
  });

  it("shows the process by default, on the given clock, and not when switched off", async () => {
    const clock = new ManualClock({ wallNow: Date.UTC(2026, 5, 1) });
    const families = parseExposition(await new MonitoringSystem({ clock }).metrics(), "prometheus");
    expect(sampleOf(families, "process_cpu_seconds_total")).toBeGreaterThan(0);
    expect(sampleOf(families, "process_resident_memory_bytes")).toBeGreaterThan(1e6);
    expect(sampleOf(families, "nodejs_heap_size_used_bytes")).toBeGreaterThan(1e6);
    expect(sampleOf(families, "nodejs_eventloop_lag_seconds")).toBe(0);
    const started = Date.UTC(2026, 5, 1) / 1_000 - (sampleOf(families, "process_start_time_seconds") as number);
    expect(started).toBeGreaterThan(0);
    expect(clock.pendingTimers).toBe(0);
    expect(await new MonitoringSystem({ defaultMetrics: false }).metrics()).not.toContain("process_");
  });

  it.runIf(hasPromtool)("is clean for promtool check metrics, with data in every metric there is", async () => {
    const monitoring = busySystem();
    // What has no sample is not looked at.
    for (const [, name] of (await monitoring.metrics()).matchAll(/^# TYPE (\S+) /gm))
      monitoring.recordMetric(name as string, 1);
    const text = await monitoring.metrics();
    const { status, output } = promtool(["check", "metrics"], text);
    expect(text).toMatch(/^db_client_connections 1$/m);
    expect(output).toBe("");
    expect(status).toBe(0);
  });
});
