import { labelKey, labelOf, type LabelSet, omitLabels, type Sample } from "./sample.ts";

interface Bucket {
  readonly upperBound: number;
  count: number;
}

/**
 * The value that a share of `q` of the observations does not exceed, per histogram: its buckets are the samples that
 * differ in `le` alone. Within a bucket observations count as evenly spread.
 * @see https://github.com/prometheus/prometheus/blob/v2.42.0/promql/quantile.go
 */
export function histogramQuantile(q: number, samples: readonly Sample[]): Sample[] {
  const histograms = new Map<string, { labels: LabelSet; buckets: Bucket[] }>();
  for (const sample of samples) {
    const upperBound = parseBound(labelOf(sample.labels, "le"));
    if (upperBound === undefined) continue;
    const labels = omitLabels(sample.labels, ["le"]);
    const key = labelKey(labels);
    const histogram = histograms.get(key) ?? { labels, buckets: [] };
    histograms.set(key, histogram);
    histogram.buckets.push({ upperBound, count: sample.value });
  }
  return [...histograms.values()].map(({ labels, buckets }) => ({
    name: "",
    labels,
    value: bucketQuantile(q, buckets),
  }));
}

function parseBound(text: string): number | undefined {
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
  const bound = text.trim() === text && text !== "" ? Number(text) : NaN;
  return Number.isNaN(bound) ? undefined : bound;
}

function bucketQuantile(q: number, unsorted: readonly Bucket[]): number {
  if (Number.isNaN(q)) return NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  const buckets = tidy(unsorted);
  const last = buckets.length - 1;
  if (buckets[last]?.upperBound !== Infinity || last < 1) return NaN;
  const observations = countAt(buckets, last);
  if (observations === 0) return NaN;
  let rank = q * observations;
  const index = firstReaching(buckets, rank);
  if (index === last) return (buckets[last - 1] as Bucket).upperBound;
  const end = (buckets[index] as Bucket).upperBound;
  if (index === 0 && end <= 0) return end;
  let start = 0;
  let count = countAt(buckets, index);
  if (index > 0) {
    start = (buckets[index - 1] as Bucket).upperBound;
    count -= countAt(buckets, index - 1);
    rank -= countAt(buckets, index - 1);
  }
  return start + (end - start) * (rank / count);
}

/** Ascending, one per bound, and never falling: series scraped at different moments may disagree. */
function tidy(unsorted: readonly Bucket[]): Bucket[] {
  const buckets: Bucket[] = [];
  for (const { upperBound, count } of [...unsorted].sort((a, b) => compare(a.upperBound, b.upperBound))) {
    const previous = buckets.at(-1);
    if (previous?.upperBound === upperBound) previous.count += count;
    else buckets.push({ upperBound, count });
  }
  let most = buckets[0]?.count ?? 0;
  for (const bucket of buckets.slice(1)) {
    if (bucket.count > most) most = bucket.count;
    else if (bucket.count < most) bucket.count = most;
  }
  return buckets;
}

const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

const countAt = (buckets: readonly Bucket[], index: number): number => (buckets[index] as Bucket).count;

/** By bisection, so that NaN counts lead where they lead Prometheus. */
function firstReaching(buckets: readonly Bucket[], rank: number): number {
  let low = 0;
  let high = buckets.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (countAt(buckets, middle) >= rank) high = middle;
    else low = middle + 1;
  }
  return low;
}
