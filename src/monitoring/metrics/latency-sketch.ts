/** Each bucket is 4 % wider than the one before, so that a quantile is within 2 % of the true value. */
const GROWTH = 1.04;
const LOG_GROWTH = Math.log(GROWTH);
/** 1 µs to about 28 hours: 644 buckets, 5 kB. What lies outside counts as the nearest end. */
const SMALLEST_MS = 0.001;
const BUCKETS = Math.ceil(Math.log(1e8 / SMALLEST_MS) / LOG_GROWTH);

/**
 * Quantiles of durations with a bounded relative error and fixed memory.
 * @see Masson, Rim, Lee: DDSketch, VLDB 2019 - the logarithmic mapping alone; our range is known
 */
export class LatencySketch {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;

  add(ms: number): void {
    const index = ms > SMALLEST_MS ? Math.ceil(Math.log(ms / SMALLEST_MS) / LOG_GROWTH) : 0;
    (this.#counts[Math.min(index, BUCKETS - 1)] as number) += 1;
    this.#count += 1;
  }

  /** The value that a share of `q` (0 to 1) does not exceed, ms. 0 while nothing was added. */
  quantile(q: number): number {
    if (this.#count === 0) return 0;
    let rank = Math.max(1, Math.ceil(q * this.#count));
    let index = -1;
    while (rank > 0) rank -= this.#counts[++index] as number;
    // The middle of the bucket, in the sense that the error is the same at both of its ends.
    return (SMALLEST_MS * GROWTH ** index * 2) / (1 + GROWTH);
  }
}
