import { type LabelSet } from "../expression/sample.ts";

/** One number of one series, now. */
export interface SeriesReading {
  readonly labels: LabelSet;
  readonly value: number;
}

/** What alert conditions read: series by exported name, buckets, sums and counts of histograms included. */
export interface SeriesSource {
  /** The exported name that a name or an alias means; `undefined` when there is no such metric. */
  resolve(name: string): string | undefined;
  /** The series of an exported name that have a value. */
  read(name: string): Iterable<SeriesReading>;
  /** Every name that a condition may use, for suggestions. */
  names(): Iterable<string>;
  /** True for a histogram's own name, which has no value: its samples end in `_bucket`, `_sum` and `_count`. */
  isHistogram(name: string): boolean;
}
