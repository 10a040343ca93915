import { type Clock, systemClock, OptionCheck } from "../core/index.ts";
import { type BucketShard, BucketTable } from "./bucket-table.ts";
import { type Decision, FULL, gcraDecision, gcraStep } from "./gcra.ts";
import { type LimitStore, type ResolvedLimit } from "./limit-store.ts";
import { type LimitUsage } from "./limit-usage.ts";
import { weakestDecision } from "./weakest-policy.ts";

export interface MemoryLimitStoreOptions {
  readonly clock?: Clock | undefined;
  /** Most keys held, over all limits. 1 to 10,000,000. @defaultValue 1,000,000 */
  readonly maxKeys?: number | undefined;
}

const DEFAULT_MAX_KEYS = 1_000_000;

/** Buckets looked at for each new key: two keep up with any inflow, the rest catches up after a quiet time. */
const PATROL_STEPS = 8;

/**
 * Buckets in this process's memory. A full bucket is the same as none, so full ones are dropped bit by bit as new keys
 * arrive. At the cap, new keys share one bucket per limit: flooding the store with keys costs the flooder its own
 * room, and never gives a key a second burst.
 */
export class MemoryLimitStore implements LimitStore {
  readonly synchronous = true;
  readonly clock: Clock;
  readonly #maxKeys: number;
  readonly #startedAt: number;
  readonly #tables = new Map<string, BucketTable>();
  readonly #patrol = this.#walk();
  /** Of the limit that was asked for last: one limit is asked many times on end. */
  #lastTable: BucketTable | undefined = undefined;
  #size = 0;
  #elapsedMs = 0;

  /** @throws IntegrationError `INVALID_INPUT` */
  constructor(options: MemoryLimitStoreOptions = {}) {
    const check = new OptionCheck("MemoryLimitStore");
    check.number("maxKeys", options.maxKeys, { min: 1, max: 10_000_000, integer: true });
    check.throwIfAny();
    this.clock = options.clock ?? systemClock;
    this.#maxKeys = options.maxKeys ?? DEFAULT_MAX_KEYS;
    this.#startedAt = this.clock.now();
  }

  /** Keys held now. */
  get size(): number {
    return this.#size;
  }

  decide(limit: ResolvedLimit, key: string, cost: number, now = this.clock.now()): Decision {
    const table = limit === this.#lastTable?.limit ? this.#lastTable : this.#tableOf(limit);
    this.#moveTo(now);
    const shard = table.shardOf(key);
    const offset = shard.offsets.get(key) ?? this.#newBucket(table, shard, key, cost);
    const { tats } = offset === undefined ? table.overflow : shard;
    return limit.policies.length === 1
      ? this.#decideOne(limit, tats, offset ?? 0, cost)
      : this.#decideAll(limit, tats, offset ?? 0, cost);
  }

  usage(limit: ResolvedLimit): LimitUsage {
    this.#moveTo(this.clock.now());
    const now = limit.policies.map(({ rate }) => this.#ticks(rate.ticksPerMs));
    const { keys, missing } = this.#tables.get(limit.id)?.survey(now) ?? { keys: 0, missing: [] };
    const policies = limit.policies.map(({ name, rate, burst }, p) => {
      const { remaining, resetMs } = gcraDecision(rate, missing[p] ?? 0, 0, true);
      return { name, used: burst - remaining, limit: burst, resetMs };
    });
    return { keys, policies };
  }

  /** A clock that steps back refills nothing and takes nothing away. */
  #moveTo(now: number): void {
    const elapsedMs = now - this.#startedAt;
    if (elapsedMs > this.#elapsedMs) this.#elapsedMs = elapsedMs;
  }

  #decideOne(limit: ResolvedLimit, tats: Float64Array, offset: number, cost: number): Decision {
    const { rate } = limit.policies[0];
    const { tat, decision } = gcraStep(rate, tats[offset] ?? FULL, this.#ticks(rate.ticksPerMs), cost);
    tats[offset] = tat;
    return decision;
  }

  #decideAll(limit: ResolvedLimit, tats: Float64Array, offset: number, cost: number): Decision {
    const rates = limit.policies.map(({ rate }) => rate);
    const used = rates.map(({ ticksPerMs }, p) => Math.max(0, (tats[offset + p] ?? FULL) - this.#ticks(ticksPerMs)));
    const charged = rates.map(({ ticksPerToken }, p) => (used[p] ?? 0) + cost * ticksPerToken);
    const allowed = rates.every(({ capacityTicks }, p) => (charged[p] ?? 0) <= capacityTicks);
    if (allowed)
      for (const [p, { ticksPerMs }] of rates.entries()) tats[offset + p] = this.#ticks(ticksPerMs) + (charged[p] ?? 0);
    return weakestDecision(limit, rates, allowed ? charged : used, cost, allowed);
  }

  #ticks(ticksPerMs: number): number {
    return Math.floor(this.#elapsedMs * ticksPerMs);
  }

  #tableOf(limit: ResolvedLimit): BucketTable {
    let table = this.#tables.get(limit.id);
    if (!table) this.#tables.set(limit.id, (table = new BucketTable(limit)));
    this.#lastTable = table;
    return table;
  }

  /** @returns undefined where the key has to share the overflow */
  #newBucket({ overflow, limit }: BucketTable, shard: BucketShard, key: string, cost: number): number | undefined {
    for (let step = 0; step < PATROL_STEPS && this.#patrol.next().value !== "round done"; step += 1);
    if (cost === 0 || this.#size >= this.#maxKeys) return undefined;
    this.#size += 1;
    const offset = shard.add(key);
    // A key that was served from the shared bucket must not find a second, full one.
    for (let p = 0; p < limit.policies.length; p += 1) shard.tats[offset + p] = overflow.tats[p] ?? FULL;
    return offset;
  }

  /** Goes round and round over all buckets, dropping the full ones; one bucket for each `next()`. */
  *#walk(): Generator<"round done" | undefined, never, undefined> {
    for (;;) {
      yield "round done";
      for (const { limit, shards } of this.#tables.values())
        for (const shard of shards) {
          if (shard.offsets.size === 0) continue;
          for (const [key, offset] of shard.offsets) {
            if (this.#isFull(limit, shard.tats, offset)) {
              shard.drop(key, offset);
              this.#size -= 1;
            }
            yield;
          }
        }
    }
  }

  #isFull({ policies }: ResolvedLimit, tats: Float64Array, offset: number): boolean {
    for (let p = 0; p < policies.length; p += 1)
      if ((tats[offset + p] ?? FULL) > this.#ticks(policies[p]?.rate.ticksPerMs ?? 1)) return false;
    return true;
  }
}
