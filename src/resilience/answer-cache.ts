import { LRUCache } from "lru-cache";
import { byteSizeOf } from "./byte-size.ts";

export interface AnswerCacheOptions {
  /** How long an answer is as good as new where a call does not say, ms, 0 to a year. @defaultValue 60,000 */
  readonly ttlMs?: number;
  /** Most answers kept, 1 to 10,000,000. @defaultValue 1,000 */
  readonly maxEntries?: number;
  /** Most bytes kept, 1,024 to 2^40; an answer that is bigger by itself is not kept. @defaultValue 16 MiB */
  readonly maxBytes?: number;
  /** Bytes that an answer takes in memory. @defaultValue an estimate from its strings, numbers and buffers */
  readonly sizeOf?: (answer: unknown) => number;
}

export interface ResolvedAnswerCache {
  readonly ttlMs: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly sizeOf: (answer: unknown) => number;
}

export const DEFAULT_ANSWER_CACHE: ResolvedAnswerCache = {
  ttlMs: 60_000,
  maxEntries: 1_000,
  maxBytes: 16 * 1024 * 1024,
  sizeOf: byteSizeOf,
};

/** An answer, and when it was given, on the monotonic clock. */
export interface Answer {
  readonly value: unknown;
  readonly storedAt: number;
}

/** How a call ended for those who wait for the same answer; `left`: its caller did not wait for the end. */
export type Landing = { readonly value: unknown } | { readonly error: unknown } | "left";

/**
 * Answers by key: the least recently used go first, by number and by bytes. How old an answer may be is the reader's
 * business. It holds no timer, and no memory before it is first used.
 */
export class AnswerCache {
  readonly options: ResolvedAnswerCache;
  /** Calls under way, by key. Their promises never reject. */
  readonly flights = new Map<string, Promise<Landing>>();
  #answers: LRUCache<string, Answer> | undefined;

  constructor(options: AnswerCacheOptions = {}) {
    this.options = { ...DEFAULT_ANSWER_CACHE, ...options };
  }

  get(key: string): Answer | undefined {
    return this.#answers?.get(key);
  }

  set(key: string, answer: Answer): void {
    const { maxEntries: max, maxBytes: maxSize, sizeOf } = this.options;
    this.#answers ??= new LRUCache({ max, maxSize });
    // What cannot be measured is not kept: a bound that trusts it would be none.
    const bytes = sizeOf(answer.value);
    if (bytes >= 0) this.#answers.set(key, answer, { size: Math.ceil(bytes) + 2 * key.length + 1 });
  }

  /** Also what is on its way is not kept, nor given to those who ask from now on. */
  delete(key: string): boolean {
    this.flights.delete(key);
    return this.#answers?.delete(key) ?? false;
  }
}
