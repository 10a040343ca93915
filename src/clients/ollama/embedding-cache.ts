import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { type Clock } from "../../core/index.ts";

/** Vectors by what they were made from: bounded in number and age, with the least used going first. */
export class EmbeddingCache {
  readonly #entries: LRUCache<string, readonly number[]> | undefined;

  constructor(options: { readonly maxEntries: number; readonly ttlSeconds: number; readonly clock: Clock }) {
    const { maxEntries, ttlSeconds, clock } = options;
    if (ttlSeconds === 0) return;
    this.#entries = new LRUCache({
      max: maxEntries,
      ...(ttlSeconds !== Infinity && {
        ttl: ttlSeconds * 1000,
        ttlResolution: 0, // else it keeps a timer to spare the clock
        perf: { now: () => clock.now() + 1 }, // it takes a start at 0 for "no time known"
      }),
    });
  }

  get(key: string): readonly number[] | undefined {
    return this.#entries?.get(key);
  }

  set(key: string, vector: readonly number[]): void {
    this.#entries?.set(key, vector);
  }

  clear(): void {
    this.#entries?.clear();
  }
}

/** What a vector depends on; the text itself is not kept. */
export function embeddingKey(model: string, dimensions: number | undefined, text: string): string {
  return createHash("sha256")
    .update(`${model}\0${dimensions ?? ""}\0${text}`)
    .digest("base64url");
}
