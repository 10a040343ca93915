import { MonitoringSystem } from "enhanced-integration/monitoring";
import { Counter, Registry } from "prom-client";
import { collectGarbage } from "../support/collect-garbage.ts";
import { type Figure } from "../support/report.ts";
import { median } from "../support/statistics.ts";
import { textTable } from "../support/text-table.ts";
import { undisturbedMs } from "../support/undisturbed-time.ts";

/** Histograms have 18 lines a series. */
const SERIES_PER_HISTOGRAM_SERIES = 20;

/** The longest time for which a scrape held the event loop, by the number of series. */
export async function slices(sizes: readonly number[], rounds: number): Promise<Figure[]> {
  const rows: string[][] = [];
  const worst: number[] = [];
  for (const size of sizes) {
    const monitoring = filled(size);
    const stalls = await longestStalls(rounds, async () => {
      for await (const slice of monitoring.metricsStream()) Buffer.from(slice);
    });
    const whole = await longestStalls(rounds, () => monitoring.metrics());
    worst.push(Math.max(...stalls), Math.max(...whole));
    rows.push([
      size.toLocaleString("en-US"),
      ...[stalls, whole].flatMap((all) => [median(all), Math.max(...all)].map(ms)),
    ]);
  }
  console.log(textTable(["series", "streamed, ms: median", "worst", "metrics(): median", "worst"], rows));
  const peer = await longestStalls(3, promClientScrape(sizes[0] ?? 10_000));
  return [
    { name: "longest stall of any scrape, every size and round", value: Math.max(...worst), unit: "ms", atMost: 2 },
    { name: `prom-client's at ${sizes[0]?.toLocaleString("en-US")} series`, value: median(peer), unit: "ms" },
  ];
}

function filled(size: number): MonitoringSystem {
  const monitoring = new MonitoringSystem({ planAlerts: false, defaultMetrics: false, maxSeriesPerMetric: 1_000_000 });
  const counter = monitoring.trackMetric("requests_total", "counter", { labels: ["user", "status"] });
  const times = monitoring.trackMetric("request_seconds", "histogram", { labels: ["user"] });
  for (let i = 0; i < size; i += 1) {
    counter.inc(i + 0.5, { user: `user-${i}`, status: 200 });
    if (i % SERIES_PER_HISTOGRAM_SERIES === 0) times.observe(i / size, { user: `user-${i}` });
  }
  return monitoring;
}

function promClientScrape(size: number): () => Promise<unknown> {
  const register = new Registry();
  const labelNames = ["user", "status"];
  const counter = new Counter({ name: "requests_total", help: "Requests.", labelNames, registers: [register] });
  for (let i = 0; i < size; i += 1) counter.inc({ user: `user-${i}`, status: 200 }, i + 0.5);
  return () => register.metrics();
}

/**
 * Beside the work, a task that asks for its turn again and again: the longest it had to wait is the longest stall. One
 * value per round; the first round, in which the compiler is still at work, does not count.
 */
async function longestStalls(rounds: number, work: () => Promise<unknown>): Promise<number[]> {
  const longest: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    collectGarbage();
    let isOver = false;
    let stall = 0;
    let last = undisturbedMs();
    const watch = (): void => {
      const now = undisturbedMs();
      stall = Math.max(stall, now - last);
      last = now;
      if (!isOver) setImmediate(watch);
    };
    setImmediate(watch);
    await work();
    isOver = true;
    watch();
    if (round > 0) longest.push(stall);
  }
  return longest;
}

const ms = (value: number) => value.toFixed(2);
