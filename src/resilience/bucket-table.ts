import { FULL } from "./gcra.ts";
import { type ResolvedLimit } from "./limit-store.ts";

/**
 * A Map doubles in one go, and the event loop stands still meanwhile: 26-31 ms at a million keys, ten times that with
 * many deletions. Each of sixteen small ones stalls for 3-6 ms.
 */
const SHARDS = 16;
const FIRST_SLOTS = 8;
const NO_SLOT = -1;
/** A free slot holds the next free one, as a number below every TAT: nobody takes it for a bucket that is used. */
const freeMark = (next: number): number => -2 - next;
const nextFree = (mark: number): number => -2 - mark;

/**
 * Buckets by key: where a key's numbers begin, and there the TAT of each policy. A number per key and policy, no
 * object, no timer.
 */
export class BucketShard {
  readonly offsets = new Map<string, number>();
  /** The first number of a free slot is below 0 and tells where the next free one begins. */
  tats: Float64Array;
  readonly #width: number;
  #end = 0;
  #firstFree = NO_SLOT;

  /** @param width numbers per key */
  constructor(width: number) {
    this.#width = width;
    this.tats = new Float64Array(FIRST_SLOTS * width);
  }

  /** Makes room for a new key; what stands there is left over from a former one. */
  add(key: string): number {
    const offset = this.#takeSlot();
    this.offsets.set(key, offset);
    return offset;
  }

  drop(key: string, offset: number): void {
    this.offsets.delete(key);
    this.tats[offset] = freeMark(this.#firstFree);
    this.#firstFree = offset;
  }

  /**
   * Raises `latest` to the latest TAT of each policy.
   * @param now of each policy, in its ticks
   * @returns how many buckets are not full
   */
  survey(now: readonly number[], latest: number[]): number {
    const { tats } = this;
    const width = this.#width;
    let used = 0;
    for (let offset = 0; offset < this.#end; offset += width) {
      let isUsed = false;
      for (let p = 0; p < width; p += 1) {
        const tat = tats[offset + p] as number;
        if (tat <= (now[p] as number)) continue;
        isUsed = true;
        if (tat > (latest[p] as number)) latest[p] = tat;
      }
      if (isUsed) used += 1;
    }
    return used;
  }

  #takeSlot(): number {
    const free = this.#firstFree;
    if (free !== NO_SLOT) {
      this.#firstFree = nextFree(this.tats[free] as number);
      return free;
    }
    const offset = this.#end;
    this.#end += this.#width;
    if (offset >= this.tats.length) {
      const grown = new Float64Array(this.tats.length * 2);
      grown.set(this.tats);
      this.tats = grown;
    }
    return offset;
  }
}

/** The buckets of one limit. */
export class BucketTable {
  readonly limit: ResolvedLimit;
  /** Shared by all new keys while no slot is to be had. */
  readonly overflow: BucketShard;
  readonly shards: readonly BucketShard[];

  constructor(limit: ResolvedLimit) {
    const width = limit.policies.length;
    this.limit = limit;
    this.overflow = new BucketShard(width);
    this.overflow.tats.fill(FULL);
    this.shards = Array.from({ length: SHARDS }, () => new BucketShard(width));
  }

  /**
   * What is missing in the emptiest bucket, in ticks of each policy, and how many are not full. A millisecond for a
   * million keys.
   * @param now of each policy, in its ticks
   */
  survey(now: readonly number[]): { readonly keys: number; readonly missing: readonly number[] } {
    const latest = now.map((ticks, p) => Math.max(ticks, this.overflow.tats[p] ?? FULL));
    let keys = latest.some((tat, p) => tat > (now[p] as number)) ? 1 : 0;
    for (const shard of this.shards) keys += shard.survey(now, latest);
    return { keys, missing: latest.map((tat, p) => tat - (now[p] as number)) };
  }

  /** The shard where the key is, or belongs. */
  shardOf(key: string): BucketShard {
    return this.shards[shardIndex(key)] as BucketShard;
  }
}

/** As `key.charCodeAt` it is looked up anew at each call, 4 ns, once a module of the process has meddled with strings (ioredis does). */
// eslint-disable-next-line @typescript-eslint/unbound-method -- bound anew at each call
const { charCodeAt } = String.prototype;

/**
 * Three characters tell keys apart well enough: numbers differ at the end, networks in the middle. A bad spread costs
 * time, nothing else.
 */
function shardIndex(key: string): number {
  const { length } = key;
  const last = charCodeAt.call(key, length - 1);
  const mixed = last + 7 * charCodeAt.call(key, length - 2) + 3 * charCodeAt.call(key, length >> 1) + 5 * length;
  return mixed & (SHARDS - 1);
}
