import { canonicalFloat, type Histogram, type HistogramSeries } from "./histogram.ts";
import { type Counter, type Gauge } from "./scalar.ts";

/** One number as a scraper would see it now. */
export interface Sample {
  /** As exported: a histogram has `_bucket`, `_sum` and `_count`. */
  readonly name: string;
  /** Empty ones are absent; `le` on buckets. The same object at each reading of a series, so that it can be a key. */
  readonly labels: Readonly<Record<string, string>>;
  /** Buckets are cumulative. */
  readonly value: number;
}

/** Every sample of a metric that has data, in order of export. */
export function samplesOf(metric: Counter | Gauge | Histogram): Sample[] {
  if (metric.type === "histogram") return metric.series.flatMap((series) => histogramSamples(metric, series));
  return metric.series
    .map((series): Sample => ({ name: metric.name, labels: series.labels, value: series.read() }))
    .filter(({ value }) => !Number.isNaN(value));
}

const bucketLabels = new WeakMap<HistogramSeries, readonly Readonly<Record<string, string>>[]>();

function histogramSamples(metric: Histogram, series: HistogramSeries): Sample[] {
  const { name, buckets } = metric;
  const { labels, counts } = series;
  let withBounds = bucketLabels.get(series);
  if (!withBounds) {
    withBounds = [...buckets.map(canonicalFloat), "+Inf"].map((le) => ({ ...labels, le }));
    bucketLabels.set(series, withBounds);
  }
  let cumulative = 0;
  const samples: Sample[] = withBounds.map((bound, i) => ({
    name: `${name}_bucket`,
    labels: bound,
    value: (cumulative += counts[i] as number),
  }));
  samples.push(
    { name: `${name}_sum`, labels, value: series.sum },
    { name: `${name}_count`, labels, value: cumulative },
  );
  return samples;
}
