import { type Clock, nextTurn } from "../../core/index.ts";
import { type Metric, type TextStyle } from "./metric.ts";
import { escapeHelp } from "./names.ts";

/** `prometheus` is the text format 0.0.4. */
export type MetricsFormat = "prometheus" | "openmetrics";

/** What an export is told. */
export interface RenderOptions {
  /** @defaultValue "prometheus" */
  readonly format?: MetricsFormat | undefined;
  /** Adds to each counter and histogram since when it counts (`_created`); OpenMetrics only. @defaultValue false */
  readonly created?: boolean | undefined;
}

/** The Content-Type header that each format is served with. */
export const metricsContentTypes: Readonly<Record<MetricsFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/**
 * The format that an Accept header asks for: OpenMetrics where it is named (Prometheus does) and nothing of the text
 * format's is preferred to it; else the text format.
 */
export function metricsFormatFor(accept: string | undefined): MetricsFormat {
  const weights = (accept ?? "").split(",").map((range): readonly [type: string, weight: number] => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    return [type, weight === undefined ? 1 : Number(weight) || 0];
  });
  const weightOf = (wanted: string) => Math.max(0, ...weights.map(([type, weight]) => (type === wanted ? weight : 0)));
  const open = weightOf("application/openmetrics-text");
  return open > 0 && open >= weightOf("text/plain") ? "openmetrics" : "prometheus";
}

/** Between two turns of the event loop at most so long, ms, and so much. A fraction of what a call would notice. */
const SLICE_MS = 0.5;
const SLICE_CHARACTERS = 32 * 1024;
/** Reading the clock costs as much as writing a line. */
const WORK_BETWEEN_LOOKS = 2_048;
/** What a series or a metric counts beside its characters: it is work also where it has nothing to say. */
const WORK_OF_EACH = 32;

/**
 * Writes all metrics in slices and lets the event loop turn between them, so that a large scrape delays no call. A
 * series is never cut in two: its buckets, sum and count agree.
 */
export async function* renderMetrics(
  metrics: Iterable<Metric>,
  { format = "prometheus", created = false }: RenderOptions,
  clock: Clock,
): AsyncGenerator<string, void, undefined> {
  const style: TextStyle = { openmetrics: format === "openmetrics", created };
  let slice = "";
  let work = 0;
  let endsAt = clock.now() + SLICE_MS;
  const isFull = (text: string): boolean => {
    slice += text;
    work += text.length + WORK_OF_EACH;
    if (work < WORK_BETWEEN_LOOKS) return false;
    work = 0;
    return slice.length >= SLICE_CHARACTERS || clock.now() >= endsAt;
  };
  const begin = (): void => {
    slice = "";
    endsAt = clock.now() + SLICE_MS;
  };
  for (const metric of metrics) {
    if (isFull(metricHead(metric, format))) {
      yield flat(slice);
      await nextTurn();
      begin();
    }
    for (const series of metric.eachSeries()) {
      if (!isFull(metric.text(series, style))) continue;
      if (slice !== "") yield flat(slice);
      await nextTurn();
      begin();
    }
  }
  yield flat(slice);
}

/**
 * The engine joins strings by reference, a small object for each line, and makes one text of them when a character is asked
 * for. Whoever keeps slices would else keep all of those: 200 ms of a collection at half a million series.
 */
function flat(text: string): string {
  text.charCodeAt(0);
  return text;
}

/** OpenMetrics names a counter's family without `_total` and tells units; the text format names the samples. */
function metricHead(metric: Metric, format: MetricsFormat): string {
  const { name, type, unit } = metric;
  const isOpen = format === "openmetrics";
  const family = isOpen && type === "counter" ? name.slice(0, -"_total".length) : name;
  const unitLine = isOpen && unit !== undefined ? `# UNIT ${family} ${unit}\n` : "";
  return `# HELP ${family} ${escapeHelp(metric.help, format)}\n# TYPE ${family} ${type}\n${unitLine}`;
}
