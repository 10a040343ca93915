import { type Clock } from "../../core/index.ts";
import { type MetricRegistry } from "./registry.ts";

/**
 * Metrics of the process under the names that Prometheus client libraries share. Read when scraped: no timer.
 * @returns what to call with the event loop's lag, measured by the scrape itself
 */
export function registerProcessMetrics(registry: MetricRegistry, clock: Clock): (lagMs: number) => void {
  const gauge = (name: string, help: string) => registry.register(name, "gauge", { help }).labels();
  const startedAt = clock.wallNow() / 1_000 - process.uptime();
  registry
    .register("process_cpu_seconds_total", "counter", { help: "User and system CPU time spent, seconds." })
    .labels()
    .compute(() => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
  gauge("process_resident_memory_bytes", "Resident memory.").compute(() => process.memoryUsage.rss());
  gauge("nodejs_heap_size_used_bytes", "Used part of the JavaScript heap.").compute(
    () => process.memoryUsage().heapUsed,
  );
  gauge("process_start_time_seconds", "Start of the process, seconds since the epoch.").set(startedAt);
  const lag = gauge("nodejs_eventloop_lag_seconds", "How long the event loop kept the scrape waiting.");
  return (lagMs) => lag.set(Math.max(0, lagMs) / 1_000);
}
