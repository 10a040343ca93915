/** Two neighbouring buckets differ by a fifth: a quantile read from them is right to a tenth. */
const GROWTH = 1.2;
const LOG_GROWTH = Math.log(GROWTH);
/** From 0.1 ms to some 24 hours. */
const SMALLEST_MS = 0.1;
const BUCKETS = 112;
/** Older durations count for less: after so many new ones, every count is halved. */
const MEMORY = 1_000;

/** Quantiles of recent durations in 450 bytes, whatever their number. */
export class LatencyQuantile {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;

  /** Durations that it remembers; older ones are forgotten by halves. */
  get count(): number {
    return this.#count;
  }

  add(durationMs: number): void {
    const bucket = Math.floor(Math.log(durationMs / SMALLEST_MS) / LOG_GROWTH);
    this.#counts[Math.max(0, Math.min(BUCKETS - 1, bucket))]! += 1;
    this.#count += 1;
    if (this.#count >= MEMORY) this.#halve();
  }

  /** @returns ms; the upper end of the bucket that holds the quantile */
  quantile(p: number): number {
    let left = p * this.#count;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      left -= this.#counts[bucket] as number;
      if (left <= 0) return SMALLEST_MS * GROWTH ** (bucket + 1);
    }
    return Infinity;
  }

  #halve(): void {
    this.#count = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      this.#counts[bucket]! >>= 1;
      this.#count += this.#counts[bucket] as number;
    }
  }
}
