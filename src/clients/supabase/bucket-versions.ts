/** Buckets that are told apart; past them a write counts for all. */
const MAX_BUCKETS = 1_000;

/**
 * Counts the writes to buckets. The count is part of a cached read's key: what was read before a write is never given
 * after it, not even to calls that were under way.
 */
export class BucketVersions {
  readonly #writes = new Map<string, number>();
  #everywhere = 0;

  of(bucket: string): string {
    return `${this.#everywhere}.${this.#writes.get(bucket) ?? 0}`;
  }

  /** @param bucket undefined: all of them */
  wrote(bucket?: string): void {
    const isNew = bucket !== undefined && !this.#writes.has(bucket);
    if (bucket === undefined || (isNew && this.#writes.size >= MAX_BUCKETS)) {
      this.#everywhere += 1;
      this.#writes.clear();
    } else this.#writes.set(bucket, (this.#writes.get(bucket) ?? 0) + 1);
  }
}
