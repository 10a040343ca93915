import { FULL } from "./gcra.ts";
import { type ResolvedLimit } from "./limit-store.ts";

/**
 * A Map doubles in one go, and the event loop stands still meanwhile: 26-31 ms at a million keys, hundreds with many
 * deletions. Sixty-four small ones stall for 2-5 ms each.
 */
const SHARDS = 64;
const FIRST_SLOTS = 16;
const NO_SLOT = -1;

/**
 * The buckets of one limit: a slot per key, and in the slot the TAT of each policy. A number per key and policy, no
 * object, no timer.
 */
export class BucketTable {
  readonly limit: ResolvedLimit;
  /** Shared by all new keys while no slot is to be had. */
  readonly overflow: Float64Array;
  /** TAT of policy p in slot s: at `s * policies + p`. The first number of a free slot names the next free one. */
  tats: Float64Array;
  /** Offsets by key; made when first needed. */
  readonly shards: (Map<string, number> | undefined)[] = new Array<undefined>(SHARDS).fill(undefined);
  size = 0;
  readonly #policies: number;
  #usedSlots = 0;
  #firstFree = NO_SLOT;

  constructor(limit: ResolvedLimit) {
    this.limit = limit;
    this.#policies = limit.policies.length;
    this.overflow = new Float64Array(this.#policies).fill(FULL);
    this.tats = new Float64Array(FIRST_SLOTS * this.#policies);
  }

  /** Where the key's numbers begin in {@link tats}. */
  find(key: string): number | undefined {
    return this.shards[shardOf(key)]?.get(key);
  }

  /** Makes room for a new key; what the slot held is left over from a former key. */
  add(key: string): number {
    const offset = this.#takeSlot();
    this.size += 1;
    (this.shards[shardOf(key)] ??= new Map()).set(key, offset);
    return offset;
  }

  /** Drops a key found in {@link shards}. */
  drop(shard: Map<string, number>, key: string, offset: number): void {
    shard.delete(key);
    this.tats[offset] = this.#firstFree;
    this.#firstFree = offset;
    this.size -= 1;
  }

  #takeSlot(): number {
    const free = this.#firstFree;
    if (free !== NO_SLOT) {
      this.#firstFree = this.tats[free] ?? NO_SLOT;
      return free;
    }
    const offset = this.#usedSlots++ * this.#policies;
    if (offset >= this.tats.length) {
      const grown = new Float64Array(this.tats.length * 2);
      grown.set(this.tats);
      this.tats = grown;
    }
    return offset;
  }
}

/** A few characters tell keys apart well enough (numbers differ at the end, networks in the middle); a bad spread only costs time. */
function shardOf(key: string): number {
  const { length } = key;
  const middle = length >> 1;
  const mixed =
    key.charCodeAt(length - 1) +
    7 * key.charCodeAt(length - 2) +
    31 * key.charCodeAt(length - 3) +
    17 * key.charCodeAt(middle) +
    5 * key.charCodeAt(middle - 1) +
    length;
  return mixed & (SHARDS - 1);
}
