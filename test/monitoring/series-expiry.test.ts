import { describe, expect, it } from "vitest";
import { MonitoringSystem } from "../../src/monitoring/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

const EXPIRED = "enhanced_integration_metrics_expired_total";
const HOUR = 3_600_000;

function system(options: { seriesTtlMs?: number; maxSeriesPerMetric?: number } = { seriesTtlMs: HOUR }) {
  const clock = new ManualClock();
  const monitoring = new MonitoringSystem({ clock, defaultMetrics: false, ...options });
  /** Looks twice, as scrapes do: once to see who is idle, once when the time is over. */
  const passes = async (ms: number) => {
    await monitoring.metrics();
    await clock.advance(ms);
    await monitoring.metrics();
  };
  const valueOf = (name: string, labels: Record<string, string> = {}) =>
    monitoring.read(name).find((sample) => JSON.stringify(sample.labels) === JSON.stringify(labels))?.value;
  return { clock, monitoring, passes, valueOf };
}

describe("idle expiry", () => {
  it("drops a series to which nothing was recorded for so long, and counts that", async () => {
    const { monitoring, passes, valueOf } = system();
    const hits = monitoring.trackMetric("hits", "counter", { labels: ["user"] });
    hits.inc(5, { user: "a" });
    hits.inc(1, { user: "b" });
    await passes(HOUR / 2);
    hits.inc(1, { user: "b" });
    await passes(HOUR / 2);
    expect(monitoring.read("hits")).toEqual([{ name: "hits_total", labels: { user: "b" }, value: 2 }]);
    expect(valueOf(EXPIRED, { metric: "hits_total" })).toBe(1);
  });

  it("keeps everything when no time was given, and what a metric excepts", async () => {
    const always = system({});
    always.monitoring.trackMetric("hits", "counter", { labels: ["user"] }).inc(1, { user: "a" });
    await always.passes(1_000 * HOUR);
    expect(always.monitoring.read("hits")).toHaveLength(1);
    const { monitoring, passes } = system();
    monitoring.trackMetric("build_info", "gauge", { labels: ["version"], ttlMs: null }).set(1, { version: "1" });
    monitoring.trackMetric("brief", "gauge", { labels: ["user"], ttlMs: 1_000 }).set(1, { user: "a" });
    await passes(1_000);
    expect(monitoring.read("brief")).toEqual([]);
    await passes(HOUR);
    expect(monitoring.read("build_info")).toHaveLength(1);
  });

  it("keeps series without labels, computed ones and gauges that are set to the same value", async () => {
    const { monitoring, passes } = system();
    monitoring.trackMetric("bare", "gauge").set(3);
    monitoring
      .trackMetric("computed", "gauge", { labels: ["of"] })
      .labels({ of: "x" })
      .compute(() => 4);
    const same = monitoring.trackMetric("same", "gauge", { labels: ["of"] });
    for (let hour = 0; hour < 3; hour += 1) {
      same.set(7, { of: "x" });
      await passes(HOUR - 1);
    }
    for (const name of ["bare", "computed", "same"]) expect(monitoring.read(name)).toHaveLength(1);
  });

  it("a handle that is kept brings its series back where it stopped; a fresh look-up begins at 0", async () => {
    const { monitoring, passes, valueOf } = system();
    const hits = monitoring.trackMetric("hits", "counter", { labels: ["user"] });
    const times = monitoring.trackMetric("times", "histogram", { labels: ["user"], buckets: [1] });
    const kept = hits.labels({ user: "kept" });
    const keptTimes = times.labels({ user: "kept" });
    kept.inc(5);
    keptTimes.observe(0.5);
    hits.inc(5, { user: "fresh" });
    await passes(HOUR);
    expect(monitoring.read("hits")).toEqual([]);
    kept.inc(2);
    keptTimes.observe(0.5);
    hits.inc(2, { user: "fresh" });
    expect(valueOf("hits", { user: "kept" })).toBe(7);
    expect(valueOf("times_count", { user: "kept" })).toBe(2);
    expect(valueOf("hits", { user: "fresh" })).toBe(2);
  });

  it("a handle whose place was taken meanwhile records to who took it", async () => {
    const { monitoring, passes, valueOf } = system();
    const depth = monitoring.trackMetric("depth", "gauge", { labels: ["queue"] });
    const hits = monitoring.trackMetric("hits", "counter", { labels: ["user"] });
    const kept = { hits: hits.labels({ user: "a" }), depth: depth.labels({ queue: "q" }) };
    kept.hits.inc(5);
    kept.depth.set(5);
    await passes(HOUR);
    hits.inc(1, { user: "a" });
    depth.set(1, { queue: "q" });
    kept.hits.inc(2);
    kept.depth.add(2);
    expect(valueOf("hits", { user: "a" })).toBe(3);
    expect(valueOf("depth", { queue: "q" })).toBe(3);
  });

  it("makes room at the cap without a scrape", async () => {
    const { clock, monitoring } = system({ seriesTtlMs: HOUR, maxSeriesPerMetric: 11 });
    const hits = monitoring.trackMetric("hits", "counter", { labels: ["user"] });
    for (let user = 0; user < 10; user += 1) hits.inc(1, { user });
    hits.inc(1, { user: "too many" });
    await clock.advance(HOUR);
    hits.inc(1, { user: "now there is room" });
    const users = monitoring.read("hits").map(({ labels }) => labels["user"]);
    expect(users).toEqual(["__overflow__", "now there is room"]);
  });

  it("leaves nothing behind of label values that come and go", async () => {
    const { clock, monitoring } = system({ seriesTtlMs: 1_000, maxSeriesPerMetric: 100 });
    const hits = monitoring.trackMetric("hits", "counter", { labels: ["tenant", "user"] });
    for (let round = 0; round < 50; round += 1) {
      for (let user = 0; user < 50; user += 1) hits.inc(1, { tenant: `t${round}`, user });
      await monitoring.metrics();
      await clock.advance(1_000);
      await monitoring.metrics();
    }
    expect(monitoring.read("hits")).toEqual([]);
    expect(hits.series).toHaveLength(0);
  });

  it.each([{ seriesTtlMs: 999 }, { seriesTtlMs: NaN }])("refuses %o", (options) => {
    expect(() => new MonitoringSystem(options)).toThrow(/seriesTtlMs must be a number from 1000/);
  });
});
