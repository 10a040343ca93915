import { nextTurn } from "../../core/index.ts";
import { type Metric } from "./metric.ts";
import { escapeHelp } from "./names.ts";

/** `prometheus` is the text format 0.0.4. */
export type MetricsFormat = "prometheus" | "openmetrics";

/** The Content-Type header that each format is served with. */
export const metricsContentTypes: Readonly<Record<MetricsFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** Lines between two turns of the event loop: a fraction of a millisecond. */
const LINES_PER_SLICE = 1_000;

/**
 * Writes all metrics in slices and lets the event loop turn between them, so that a large scrape delays no call. A
 * series is never cut in two: its buckets, sum and count agree.
 */
export async function renderMetrics(metrics: Iterable<Metric>, format: MetricsFormat): Promise<string> {
  const slices: string[] = [];
  let lines: string[] = [];
  for (const metric of metrics) {
    lines.push(metricHead(metric, format));
    for (const series of metric.series) {
      metric.write(series, lines);
      if (lines.length < LINES_PER_SLICE) continue;
      slices.push(lines.join(""));
      lines = [];
      await nextTurn();
    }
  }
  if (format === "openmetrics") lines.push("# EOF\n");
  return slices.join("") + lines.join("");
}

/** OpenMetrics names a counter's family without `_total`; the text format names the samples. */
function metricHead(metric: Metric, format: MetricsFormat): string {
  const { name, type } = metric;
  const family = format === "openmetrics" && type === "counter" ? name.slice(0, -"_total".length) : name;
  return `# HELP ${family} ${escapeHelp(metric.help, format)}\n# TYPE ${family} ${type}\n`;
}
