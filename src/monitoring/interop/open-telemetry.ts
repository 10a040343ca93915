import { type HistogramSeries } from "../metrics/histogram.ts";
import { type AnyMetric, type MetricRegistry } from "../metrics/registry.ts";
import { type Series } from "../metrics/series.ts";

type Attributes = Record<string, string>;

interface ObservableResult {
  observe(value: number, attributes?: Attributes): void;
}
interface Observable {
  addCallback(callback: (result: ObservableResult) => void): void;
  removeCallback(callback: (result: ObservableResult) => void): void;
}
interface InstrumentOptions {
  readonly description: string;
  readonly unit?: string;
  readonly advice?: { readonly explicitBucketBoundaries: number[] };
}

/** The part of a `Meter` of `@opentelemetry/api` that we use. */
export interface OpenTelemetryMeter {
  createHistogram(name: string, options: InstrumentOptions): { record(value: number, attributes?: Attributes): void };
  createObservableCounter(name: string, options: InstrumentOptions): Observable;
  createObservableGauge(name: string, options: InstrumentOptions): Observable;
  createObservableUpDownCounter(name: string, options: InstrumentOptions): Observable;
}

/**
 * Feeds a host's meter with all our metrics, those of the future included: counters and gauges are read when the host
 * collects, histograms are recorded as they come.
 * @returns a function that ends it
 */
export function bridgeTo(registry: MetricRegistry, meter: OpenTelemetryMeter): () => void {
  const releases: (() => void)[] = [];
  releases.push(registry.onMetric((metric) => releases.push(bridge(metric, meter))));
  return () => releases.splice(0).forEach((release) => release());
}

function bridge(metric: AnyMetric, meter: OpenTelemetryMeter): () => void {
  const name = metric.openTelemetry.name ?? derivedName(metric);
  const unit = metric.openTelemetry.unit ?? unitOf(metric);
  const options = { description: metric.help, ...(unit !== undefined && { unit }) };
  const attributesOf = attributeReader(metric);
  if (metric.type === "histogram") {
    const advice = { explicitBucketBoundaries: [...metric.buckets] };
    const histogram = meter.createHistogram(name, { ...options, advice });
    const mirror = (value: number, series: HistogramSeries) => histogram.record(value, attributesOf(series));
    return metric.addMirror(mirror);
  }
  const observable =
    metric.type === "counter"
      ? meter.createObservableCounter(name, options)
      : metric.openTelemetry.upDown
        ? meter.createObservableUpDownCounter(name, options)
        : meter.createObservableGauge(name, options);
  const callback = (result: ObservableResult): void => {
    for (const series of metric.eachSeries()) {
      const value = series.read();
      if (!Number.isNaN(value)) result.observe(value, attributesOf(series));
    }
  };
  observable.addCallback(callback);
  return () => observable.removeCallback(callback);
}

/** OpenTelemetry keeps unit and kind out of names; its exporters add them again. */
function derivedName({ name, unit }: AnyMetric): string {
  const bare = name.replace(/_total$/, "");
  return unit === undefined ? bare : bare.slice(0, -unit.length - 1);
}

const ucum: Readonly<Record<string, string>> = { seconds: "s", bytes: "By", ratio: "1" };

function unitOf({ unit }: AnyMetric): string | undefined {
  return unit === undefined ? undefined : (ucum[unit] ?? unit);
}

/** Attributes of a series, made once: the SDK hashes them at each record anyway. */
function attributeReader({ openTelemetry }: AnyMetric): (series: Series) => Attributes {
  const names = openTelemetry.attributes ?? {};
  const known = new WeakMap<Series, Attributes>();
  return (series) => {
    let attributes = known.get(series);
    if (!attributes) {
      attributes = Object.fromEntries(
        Object.entries(series.labels).map(([label, value]) => [names[label] ?? label, value]),
      );
      known.set(series, attributes);
    }
    return attributes;
  };
}
