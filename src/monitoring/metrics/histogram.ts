import { type Exemplar, type ExemplarLabels, exemplarText } from "./exemplar.ts";
import { type Labels } from "./names.ts";
import { createdLine, lineHead, Metric, type MetricSetup, type TextStyle } from "./metric.ts";
import { numberText } from "./number-text.ts";
import { ACTIVE_SERIES, Series } from "./series.ts";

/** Hears each recorded value, e.g. to record it elsewhere too. Must not throw. */
export type Mirror = (value: number, series: HistogramSeries) => void;

/** Bound histogram. */
export class HistogramSeries extends Series {
  /** Per bucket, the one above the last bound included. Floats: they count exactly up to 2^53. */
  readonly counts: Float64Array;
  /** Per bucket, the latest that was given. */
  exemplars: (Exemplar | undefined)[] | undefined;
  #sum = 0;
  readonly #metric: Histogram;
  readonly #bounds: readonly number[];
  #heads: readonly string[] | undefined;

  constructor(metric: Histogram, values: readonly string[], createdAt: number) {
    super(metric.labelNames, values, createdAt);
    this.#metric = metric;
    this.#bounds = metric.buckets;
    this.counts = new Float64Array(metric.buckets.length + 1);
  }

  get sum(): number {
    return this.#sum;
  }

  get count(): number {
    return this.counts.reduce((total, count) => total + count, 0);
  }

  /** Counts a value. What is no finite number is refused and counted. */
  observe(value: number, exemplar?: ExemplarLabels): void {
    if (!Number.isFinite(value)) return this.#metric.refuse("not_a_number");
    if (this.state !== ACTIVE_SERIES) {
      const current = this.awake();
      if (current !== this) return current.observe(value, exemplar);
    }
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    (this.counts[low] as number) += 1;
    this.#sum += value;
    if (exemplar !== undefined) (this.exemplars ??= [])[low] = { labels: exemplar, value };
    if (this.#metric.mirror !== undefined) this.#metric.mirror(value, this);
  }

  /** Line heads take memory, so they are built when the series is first exported. */
  get heads(): readonly string[] {
    return (this.#heads ??= this.#buildHeads());
  }

  #buildHeads(): string[] {
    const { name } = this.#metric;
    const prefix = this.labelText === "" ? "" : `${this.labelText},`;
    const buckets = [...this.#bounds.map(canonicalFloat), "+Inf"];
    return [
      ...buckets.map((le) => lineHead(`${name}_bucket`, `${prefix}le="${le}"`)),
      lineHead(`${name}_sum`, this.labelText),
      lineHead(`${name}_count`, this.labelText),
    ];
  }
}

/** A distribution over fixed buckets, with its sum and count. */
export class Histogram<L extends string = string> extends Metric<HistogramSeries, L> {
  readonly type = "histogram";
  /** Upper bounds, ascending, without +Inf. */
  readonly buckets: readonly number[];
  /** Undefined where nobody listens: the one thing that a record asks. */
  mirror: Mirror | undefined;
  readonly #mirrors = new Set<Mirror>();

  constructor(setup: MetricSetup, buckets: readonly number[]) {
    super(setup);
    this.buckets = buckets;
  }

  /** The exemplar leads from the bucket to one case in it; it is exported in OpenMetrics. */
  observe(value: number, labels?: Labels<L>, exemplar?: ExemplarLabels): void {
    this.find(labels)?.observe(value, exemplar);
  }

  record(value: number, labels?: Labels<L>): void {
    this.observe(value, labels);
  }

  /** Tells each recorded value. @returns a function that ends it */
  addMirror(mirror: Mirror): () => void {
    this.#mirrors.add(mirror);
    const refresh = () => {
      const [first, ...others] = this.#mirrors;
      this.mirror = others.length === 0 ? first : (...record) => this.#mirrors.forEach((each) => each(...record));
    };
    refresh();
    return () => {
      this.#mirrors.delete(mirror);
      refresh();
    };
  }

  text(series: HistogramSeries, { openmetrics, created }: TextStyle): string {
    const { heads, counts } = series;
    const exemplars = openmetrics ? series.exemplars : undefined;
    const last = counts.length;
    let text = "";
    let cumulative = 0;
    for (let i = 0; i < last; i += 1) {
      cumulative += counts[i] as number;
      const exemplar = exemplars?.[i];
      text += `${heads[i]}${cumulative}${exemplar ? exemplarText(exemplar) : ""}\n`;
    }
    text += `${heads[last]}${numberText(series.sum)}\n${heads[last + 1]}${cumulative}\n`;
    return openmetrics && created ? text + createdLine(this.name, series) : text;
  }

  protected make(values: readonly string[]): HistogramSeries {
    return new HistogramSeries(this, values, this.wallNow());
  }
}

/** OpenMetrics wants bounds as floats (`1.0`); one spelling for both formats keeps the series the same. */
export function canonicalFloat(bound: number): string {
  return Number.isInteger(bound) && Math.abs(bound) < 1e21 ? `${bound}.0` : String(bound);
}
