import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { MonitoringSystem } from "enhanced-integration/monitoring";
import { Counter, Registry } from "prom-client";
import { collectGarbage } from "../support/collect-garbage.ts";
import { type Figure } from "../support/report.ts";
import { median } from "../support/statistics.ts";
import { textTable } from "../support/text-table.ts";
import { undisturbedMs } from "../support/undisturbed-time.ts";

/** Shorter waits are no stalls. */
const WORTH_KEEPING_MS = 0.1;
/** Observers hear of collections with a delay. */
const TOLD_WITHIN_MS = 20;
/** Histograms have 18 lines a series. */
const SERIES_PER_HISTOGRAM_SERIES = 20;

/** What one round's longest stall was, ms: alone, and with the engine's garbage collections. */
interface Stall {
  readonly own: number;
  readonly withCollections: number;
}

/** The longest time for which a scrape held the event loop, by the number of series. */
export async function slices(sizes: readonly number[], rounds: number): Promise<Figure[]> {
  const rows: string[][] = [];
  const ways = { streamed: [] as Stall[][], "metrics()": [] as Stall[][] };
  for (const size of sizes) {
    const monitoring = filled(size);
    const streamed = async () => {
      for await (const slice of monitoring.metricsStream()) Buffer.from(slice);
    };
    for (const [way, work] of [["streamed", streamed] as const, ["metrics()", () => monitoring.metrics()] as const]) {
      const stalls = await longestStalls(rounds, work);
      ways[way].push(stalls);
      const all = stalls.map(({ withCollections }) => withCollections);
      const own = stalls.map((stall) => stall.own);
      const figures = [median(own), Math.max(...own), median(all), Math.max(...all)].map(ms);
      rows.push([`${size.toLocaleString("en-US")}, ${way}`, ...figures]);
    }
  }
  console.log(textTable(["ms", "median", "worst", "with collections: median", "worst"], rows));
  const peer = await longestStalls(3, promClientScrape(sizes[0] ?? 10_000));
  const longest = (of: Stall[][], read: (stall: Stall) => number) =>
    Math.max(...of.map((each) => median(each.map(read))));
  const worst = (of: Stall[][]) => Math.max(...of.flat().map(({ withCollections }) => withCollections));
  const own = (stall: Stall) => stall.own;
  const all = (stall: Stall) => stall.withCollections;
  return [
    { name: "longest slice, streamed, at any size", value: longest(ways.streamed, own), unit: "ms", atMost: 2 },
    { name: "longest slice, metrics(), at any size", value: longest(ways["metrics()"], own), unit: "ms", atMost: 2 },
    { name: "with the engine's collections, streamed", value: longest(ways.streamed, all), unit: "ms" },
    { name: "with the engine's collections, metrics()", value: longest(ways["metrics()"], all), unit: "ms" },
    { name: "worst single round, collections and all, streamed", value: worst(ways.streamed), unit: "ms" },
    { name: "worst single round, collections and all, metrics()", value: worst(ways["metrics()"]), unit: "ms" },
    { name: `prom-client's at ${sizes[0]?.toLocaleString("en-US")} series`, value: median(peer.map(own)), unit: "ms" },
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
 * Beside the work, a task that asks for its turn again and again: the longest it had to wait is the longest stall. The
 * engine's garbage collections are told apart: they grow with the heap of the whole program, not with what a slice does,
 * and no slicing shortens them. One value per round; the first round, in which the compiler is still at work, does not count.
 */
async function longestStalls(rounds: number, work: () => Promise<unknown>): Promise<Stall[]> {
  const longest: Stall[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    collectGarbage();
    const collections: PerformanceEntry[] = [];
    const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
    observer.observe({ entryTypes: ["gc"] });
    const stalls: { readonly from: number; readonly to: number; readonly ms: number }[] = [];
    let isOver = false;
    let from = performance.now();
    let last = undisturbedMs();
    const watch = (): void => {
      const to = performance.now();
      const now = undisturbedMs();
      if (now - last > WORTH_KEEPING_MS) stalls.push({ from, to, ms: now - last });
      from = to;
      last = now;
      if (!isOver) setImmediate(watch);
    };
    setImmediate(watch);
    await work();
    isOver = true;
    watch();
    await sleep(TOLD_WITHIN_MS);
    observer.disconnect();
    const withoutCollections = stalls.map(({ from: start, to: end, ms: all }) => {
      const inside = collections.filter(({ startTime }) => startTime >= start && startTime <= end);
      return all - inside.reduce((sum, { duration }) => sum + duration, 0);
    });
    const most = (values: readonly number[]) => Math.max(WORTH_KEEPING_MS, ...values);
    if (round > 0)
      longest.push({ own: most(withoutCollections), withCollections: most(stalls.map((each) => each.ms)) });
  }
  return longest;
}

const ms = (value: number) => value.toFixed(2);
