import { readdirSync, readFileSync } from "node:fs";
import {
  type IntervalHistogram,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
} from "node:perf_hooks";
import { getHeapSpaceStatistics } from "node:v8";
import { type Clock } from "../../core/index.ts";
import { type MetricRegistry } from "./registry.ts";

/** prom-client's bounds, seconds. */
const GC_BUCKETS = [0.001, 0.01, 0.1, 1, 2, 5];
type GcEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };
/** By the kinds of `node:perf_hooks`. */
const gcKinds: Readonly<Record<number, string>> = { 1: "minor", 4: "major", 8: "incremental", 16: "weakcb" };
/** Samples of the event loop's delay are taken so often, ms: as prom-client does. */
const DELAY_RESOLUTION_MS = 10;

/** Metrics of the process under the names of prom-client, so that its dashboards fit. */
export class ProcessMetrics {
  readonly #registry: MetricRegistry;
  /** Made at the start: the mere histogram counts as something that runs. */
  #delay: IntervalHistogram | undefined;
  #gcWatch: PerformanceObserver | undefined;

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#registry = registry;
    this.#registerCpu(clock);
    this.#registerMemory();
    this.#registerLinux();
    registry.register("nodejs_eventloop_lag_seconds", "gauge", {
      help: "How long the event loop kept the last scrape waiting.",
    });
    for (const [name, help] of delayStatistics)
      registry.register(`nodejs_eventloop_lag_${name}_seconds`, "gauge", {
        help: `Event loop delay between two scrapes: ${help}.`,
      });
    registry.register("nodejs_gc_duration_seconds", "histogram", {
      help: "Garbage collections, by kind: major, minor, incremental or weakcb.",
      labels: ["kind"],
      buckets: GC_BUCKETS,
    });
    registry.register("nodejs_active_resources", "gauge", {
      help: "Resources that keep the event loop alive, by type.",
      labels: ["type"],
    });
  }

  /** Watches collections and the event loop's delay from now on. It holds no process. */
  start(): void {
    if (this.#gcWatch) return;
    this.#delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
    this.#delay.enable();
    const durations = this.#registry.get("nodejs_gc_duration_seconds", "histogram");
    this.#gcWatch = new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as GcEntry[])
        durations.observe(entry.duration / 1_000, { kind: gcKinds[entry.detail.kind] ?? "other" });
    });
    this.#gcWatch.observe({ entryTypes: ["gc"] });
  }

  stop(): void {
    this.#gcWatch?.disconnect();
    this.#gcWatch = undefined;
    this.#delay?.disable();
    this.#delay = undefined;
  }

  /** Called by each scrape. @param waitedMs how long the event loop kept it waiting */
  scraped(waitedMs: number): void {
    const gauge = (name: string) => this.#registry.get(name, "gauge");
    gauge("nodejs_eventloop_lag_seconds").set(Math.max(0, waitedMs) / 1_000);
    const delay = this.#delay;
    if (delay && delay.count > 0) {
      for (const [name, , read] of delayStatistics)
        gauge(`nodejs_eventloop_lag_${name}_seconds`).set(read(delay) / 1e9);
      delay.reset();
    }
    const resources = gauge("nodejs_active_resources");
    for (const series of resources.eachSeries()) series.set(0);
    for (const type of process.getActiveResourcesInfo()) resources.add(1, { type });
  }

  #registerCpu(clock: Clock): void {
    const seconds = (name: string, help: string, read: () => number) =>
      this.#registry
        .register(name, "counter", { help })
        .labels()
        .compute(() => read() / 1e6);
    seconds("process_cpu_user_seconds_total", "User CPU time spent, seconds.", () => process.cpuUsage().user);
    seconds("process_cpu_system_seconds_total", "System CPU time spent, seconds.", () => process.cpuUsage().system);
    seconds("process_cpu_seconds_total", "User and system CPU time spent, seconds.", () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    });
    this.#computed("process_start_time_seconds", "Start of the process, seconds since the epoch.").set(
      clock.wallNow() / 1_000 - process.uptime(),
    );
    const [major = "", minor = "", patch = ""] = process.versions.node.split(".");
    const labels = ["version", "major", "minor", "patch"] as const;
    this.#registry
      .register("nodejs_version_info", "gauge", { help: "Version of Node.js.", labels, ttlMs: null })
      .set(1, { version: process.version, major, minor, patch });
  }

  #registerMemory(): void {
    this.#computed("process_resident_memory_bytes", "Resident memory.").compute(() => process.memoryUsage.rss());
    const memory = (name: string, help: string, read: (usage: NodeJS.MemoryUsage) => number) =>
      this.#computed(name, help).compute(() => read(process.memoryUsage()));
    memory("nodejs_heap_size_total_bytes", "Size of the JavaScript heap.", ({ heapTotal }) => heapTotal);
    memory("nodejs_heap_size_used_bytes", "Used part of the JavaScript heap.", ({ heapUsed }) => heapUsed);
    memory(
      "nodejs_external_memory_bytes",
      "Memory outside the heap that JavaScript holds.",
      ({ external }) => external,
    );
    for (const [name, field] of heapSpaceFields) {
      const gauge = this.#registry.register(`nodejs_heap_space_size_${name}_bytes`, "gauge", {
        help: `Spaces of the heap: bytes ${name}.`,
        labels: ["space"],
      });
      for (const { space_name: space } of getHeapSpaceStatistics())
        gauge
          .labels({ space: space.replace(/_space$/, "") })
          .compute(() => getHeapSpaceStatistics().find((each) => each.space_name === space)?.[field]);
    }
  }

  /** What only `/proc` knows; elsewhere these metrics have no data. */
  #registerLinux(): void {
    if (process.platform !== "linux") return;
    const status = (name: string, help: string, field: string) =>
      this.#computed(name, help).compute(() => {
        const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(read("/proc/self/status"))?.[1];
        return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
      });
    status("process_virtual_memory_bytes", "Virtual memory.", "VmSize");
    status("process_heap_bytes", "Data segment of the process.", "VmData");
    this.#computed("process_open_fds", "Open file descriptors.").compute(() => list("/proc/self/fd")?.length);
    this.#computed("process_max_fds", "Most file descriptors that may be open.").compute(() => {
      const limit = /^Max open files\s+(\d+)/m.exec(read("/proc/self/limits"))?.[1];
      return limit === undefined ? undefined : Number(limit);
    });
  }

  #computed(name: string, help: string) {
    return this.#registry.register(name, "gauge", { help }).labels();
  }
}

const delayStatistics = [
  ["min", "the shortest", ({ min }: IntervalHistogram) => min],
  ["max", "the longest", ({ max }: IntervalHistogram) => max],
  ["mean", "the mean", ({ mean }: IntervalHistogram) => mean],
  ["stddev", "the standard deviation", ({ stddev }: IntervalHistogram) => stddev],
  ["p50", "the median", (delay: IntervalHistogram) => delay.percentile(50)],
  ["p90", "the 90th percentile", (delay: IntervalHistogram) => delay.percentile(90)],
  ["p99", "the 99th percentile", (delay: IntervalHistogram) => delay.percentile(99)],
] as const;

const heapSpaceFields = [
  ["total", "space_size"],
  ["used", "space_used_size"],
  ["available", "space_available_size"],
] as const;

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function list(path: string): string[] | undefined {
  try {
    return readdirSync(path);
  } catch {
    return undefined;
  }
}
