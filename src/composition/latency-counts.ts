/** Each bucket is 4 % wider than the one before, so that a quantile is within 2 % of the true value. */
const GROWTH = 1.04;
const LOG_GROWTH = Math.log(GROWTH);
const SMALLEST_MS = 0.001;

/** Durations of a few seconds as counts per bucket: sparse, so that hundreds are cheap to keep and to add together. */
export class LatencyCounts {
  readonly #counts = new Map<number, number>();
  #count = 0;

  add(ms: number): void {
    const bucket = ms > SMALLEST_MS ? Math.ceil(Math.log(ms / SMALLEST_MS) / LOG_GROWTH) : 0;
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#count += 1;
  }

  merge(other: LatencyCounts): void {
    for (const [bucket, count] of other.#counts) this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
    this.#count += other.#count;
  }

  /** What each share (0 to 1, ascending) does not exceed, ms, to a hundredth; null while nothing was added. */
  quantiles(shares: readonly number[]): (number | null)[] {
    if (this.#count === 0) return shares.map(() => null);
    const buckets = [...this.#counts].sort(([a], [b]) => a - b);
    let at = 0;
    let seen = buckets[0]![1];
    return shares.map((share) => {
      const rank = Math.max(1, Math.ceil(share * this.#count));
      while (seen < rank) seen += buckets[++at]![1];
      // The middle of the bucket, in the sense that the error is the same at both of its ends.
      const ms = (SMALLEST_MS * GROWTH ** buckets[at]![0] * 2) / (1 + GROWTH);
      return Math.round(ms * 100) / 100;
    });
  }
}
