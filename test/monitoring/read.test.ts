import { describe, expect, it } from "vitest";
import { MonitoringSystem } from "../../src/monitoring/index.ts";

const system = () => new MonitoringSystem({ defaultMetrics: false });

describe("read", () => {
  it("gives the samples of counters and gauges that have data, by any of the metric's names", () => {
    const monitoring = system();
    const jobs = monitoring.trackMetric("jobs", "counter", { labels: ["queue"] });
    const mail = jobs.labels({ queue: "mail" });
    mail.inc(3);
    expect(monitoring.read("jobs")).toEqual([{ name: "jobs_total", labels: { queue: "mail" }, value: 3 }]);
    expect(monitoring.read("jobs_total")).toEqual(monitoring.read("jobs"));
    monitoring.trackMetric("depth", "gauge", { labels: ["queue"] }).labels({ queue: "mail" });
    expect(monitoring.read("depth")).toEqual([]);
    expect(monitoring.read("nobody_declared_this")).toEqual([]);
  });

  it("gives a histogram's buckets cumulated, its sum and its count, together or one by one", () => {
    const monitoring = system();
    const sizes = monitoring.trackMetric("sizes", "histogram", { labels: ["kind"], buckets: [1, 2.5] });
    for (const value of [0.5, 1, 2, 9]) sizes.observe(value, { kind: "a" });
    const buckets = [
      { name: "sizes_bucket", labels: { kind: "a", le: "1.0" }, value: 2 },
      { name: "sizes_bucket", labels: { kind: "a", le: "2.5" }, value: 3 },
      { name: "sizes_bucket", labels: { kind: "a", le: "+Inf" }, value: 4 },
    ];
    const sum = { name: "sizes_sum", labels: { kind: "a" }, value: 12.5 };
    const count = { name: "sizes_count", labels: { kind: "a" }, value: 4 };
    expect(monitoring.read("sizes")).toEqual([...buckets, sum, count]);
    expect(monitoring.read("sizes_bucket")).toEqual(buckets);
    expect(monitoring.read("sizes_sum")).toEqual([sum]);
    expect(monitoring.read("sizes_count")).toEqual([count]);
  });

  it("keeps the labels' identity from reading to reading", () => {
    const monitoring = system();
    monitoring.trackMetric("sizes", "histogram", { buckets: [1] }).observe(1);
    const labels = () => monitoring.read("sizes").map((sample) => sample.labels);
    const [first, second] = [labels(), labels()];
    expect(first).toHaveLength(4);
    first.forEach((each, i) => expect(second[i]).toBe(each));
  });
});
