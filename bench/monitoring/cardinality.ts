import { MonitoringSystem } from "enhanced-integration/monitoring";
import { collectGarbage } from "../support/collect-garbage.ts";
import { type Figure } from "../support/report.ts";
import { undisturbedMs } from "../support/undisturbed-time.ts";

const LABEL_VALUES = 100_000;
const MOST_SERIES = 2_000;

/** A label that somebody filled with ids, against the default cap: what is kept, and that nothing is lost. */
export async function cardinality(): Promise<Figure[]> {
  const monitoring = new MonitoringSystem({ planAlerts: false, defaultMetrics: false });
  const times = monitoring.trackMetric("request_seconds", "histogram", { labels: ["user"] });
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const startedAt = undisturbedMs();
  for (let i = 0; i < LABEL_VALUES; i += 1) times.observe(0.1, { user: `user-${i}` });
  const recordNs = ((undisturbedMs() - startedAt) * 1e6) / LABEL_VALUES;
  await monitoring.metrics();
  collectGarbage();
  const heapMiB = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  const scrapeStartedAt = undisturbedMs();
  const text = await monitoring.metrics();
  const scrapeMs = undisturbedMs() - scrapeStartedAt;
  const counts = [...text.matchAll(/^request_seconds_count\{.*\} (\d+)$/gm)].map((match) => Number(match[1]));
  return [
    { name: "100,000 label values: series", value: counts.length, unit: "series", atMost: MOST_SERIES },
    {
      name: "records lost on the way",
      value: LABEL_VALUES - counts.reduce((sum, count) => sum + count, 0),
      unit: "records",
      atMost: 0,
    },
    {
      name: "heap for them, after a scrape",
      value: heapMiB,
      unit: "MiB",
      atMost: 16,
      note: "prom-client: 49 without one",
    },
    { name: "scrape then", value: scrapeMs, unit: "ms", note: "aim: 50 ms; prom-client: 8,100" },
    { name: "a record past the cap", value: recordNs, unit: "ns" },
  ];
}
