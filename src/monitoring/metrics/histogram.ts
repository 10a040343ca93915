import { type Labels } from "./names.ts";
import { lineHead, Metric, type MetricIdentity, type MetricSetup } from "./metric.ts";
import { type Refuse, Series } from "./series.ts";

/** Upper bounds in seconds: from a local query to a model that has to be loaded first. */
export const DEFAULT_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];

/** Bound histogram. */
export class HistogramSeries extends Series {
  /** Per bucket, the one above the last bound included. Floats: they count exactly up to 2^53. */
  readonly counts: Float64Array;
  #sum = 0;
  readonly #bounds: readonly number[];
  readonly #refuse: Refuse;
  readonly #name: string;
  #heads: readonly string[] | undefined;

  constructor(
    metric: MetricIdentity & { readonly buckets: readonly number[] },
    refuse: Refuse,
    values: readonly string[],
  ) {
    super(metric.labelNames, values);
    this.#name = metric.name;
    this.#bounds = metric.buckets;
    this.#refuse = refuse;
    this.counts = new Float64Array(metric.buckets.length + 1);
  }

  get sum(): number {
    return this.#sum;
  }

  get count(): number {
    return this.counts.reduce((total, count) => total + count, 0);
  }

  observe(value: number): void {
    if (!Number.isFinite(value)) return this.#refuse("not_a_number");
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
  }

  /** Line heads take memory, so they are built when the series is first exported. */
  get heads(): readonly string[] {
    return (this.#heads ??= this.#buildHeads());
  }

  #buildHeads(): string[] {
    const prefix = this.labelText === "" ? "" : `${this.labelText},`;
    const buckets = [...this.#bounds.map(canonicalFloat), "+Inf"];
    return [
      ...buckets.map((le) => lineHead(`${this.#name}_bucket`, `${prefix}le="${le}"`)),
      lineHead(`${this.#name}_sum`, this.labelText),
      lineHead(`${this.#name}_count`, this.labelText),
    ];
  }
}

/** A distribution over fixed buckets, with its sum and count. */
export class Histogram<L extends string = string> extends Metric<HistogramSeries, L> {
  readonly type = "histogram";
  /** Upper bounds, ascending, without +Inf. */
  readonly buckets: readonly number[];

  constructor(setup: MetricSetup, buckets: readonly number[]) {
    super(setup);
    this.buckets = buckets;
  }

  observe(value: number, labels?: Labels<L>): void {
    this.find(labels)?.observe(value);
  }

  record(value: number, labels?: Labels<L>): void {
    this.observe(value, labels);
  }

  write(series: HistogramSeries, lines: string[]): void {
    const { heads, counts } = series;
    let cumulative = 0;
    for (let i = 0; i < counts.length; i += 1) lines.push(`${heads[i]}${(cumulative += counts[i] as number)}\n`);
    lines.push(`${heads[counts.length]}${series.sum}\n`, `${heads[counts.length + 1]}${cumulative}\n`);
  }

  protected make(values: readonly string[]): HistogramSeries {
    return new HistogramSeries(this, this.refuse, values);
  }
}

/** OpenMetrics wants bounds as floats (`1.0`); one spelling for both formats keeps the series the same. */
export function canonicalFloat(bound: number): string {
  return Number.isInteger(bound) && Math.abs(bound) < 1e21 ? `${bound}.0` : String(bound);
}
