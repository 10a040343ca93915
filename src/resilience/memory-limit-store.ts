import { type Clock, systemClock } from "../core/index.ts";
import { OptionCheck } from "./check-options.ts";
import { type Decision, FULL, gcraStep } from "./gcra.ts";
import { type LimitStore, type ResolvedLimit } from "./limit-store.ts";

export interface MemoryLimitStoreOptions {
  readonly clock?: Clock | undefined;
  /** Most keys held, over all limits. 1 to 10,000,000. @defaultValue 1,000,000 */
  readonly maxKeys?: number | undefined;
}

const DEFAULT_MAX_KEYS = 1_000_000;

/** Buckets looked at for each new key: two keep up with any inflow, the rest catches up after a quiet time. */
const PATROL_STEPS = 8;
const FIRST_SLOTS = 64;

/** The buckets of one limit: a slot number per key, and the TAT in the slot. One number per key, no object, no timer. */
interface Table {
  readonly slots: Map<string, number>;
  readonly ticksPerMs: number;
  /** Shared by all new keys while no slot is to be had. */
  overflow: number;
}

/**
 * Buckets in this process's memory. A full bucket is the same as none, so full ones are dropped bit by bit as new keys
 * arrive. At the cap, new keys share one bucket per limit: flooding the store with keys costs the flooder its own
 * room, and never gives a key a second burst.
 */
export class MemoryLimitStore implements LimitStore {
  readonly synchronous = true;
  readonly #clock: Clock;
  readonly #maxKeys: number;
  readonly #startedAt: number;
  readonly #tables = new Map<string, Table>();
  readonly #freeSlots: number[] = [];
  readonly #patrol = this.#walk();
  #tats = new Float64Array(FIRST_SLOTS);
  #usedSlots = 0;
  #elapsedMs = 0;

  constructor(options: MemoryLimitStoreOptions = {}) {
    const check = new OptionCheck("MemoryLimitStore");
    check.number("maxKeys", options.maxKeys, { min: 1, max: 10_000_000, integer: true });
    check.throwIfAny();
    this.#clock = options.clock ?? systemClock;
    this.#maxKeys = options.maxKeys ?? DEFAULT_MAX_KEYS;
    this.#startedAt = this.#clock.now();
  }

  /** Keys held now. */
  get size(): number {
    return this.#usedSlots - this.#freeSlots.length;
  }

  decide(limit: ResolvedLimit, key: string, cost: number): Decision {
    const { rate } = limit;
    const table = this.#tables.get(limit.name) ?? this.#newTable(limit);
    // A clock that steps back refills nothing and takes nothing away.
    this.#elapsedMs = Math.max(this.#elapsedMs, this.#clock.now() - this.#startedAt);
    const now = Math.floor(this.#elapsedMs * rate.ticksPerMs);

    const slot = table.slots.get(key) ?? this.#newSlot(table, key, now, cost);
    if (slot === undefined) {
      const [tat, decision] = gcraStep(rate, table.overflow, now, cost);
      table.overflow = tat;
      return decision;
    }
    const [tat, decision] = gcraStep(rate, this.#tats[slot] ?? FULL, now, cost);
    this.#tats[slot] = tat;
    return decision;
  }

  #newTable(limit: ResolvedLimit): Table {
    const table = { slots: new Map<string, number>(), ticksPerMs: limit.rate.ticksPerMs, overflow: FULL };
    this.#tables.set(limit.name, table);
    return table;
  }

  #newSlot(table: Table, key: string, now: number, cost: number): number | undefined {
    for (let step = 0; step < PATROL_STEPS; step += 1) this.#patrol.next();
    if (cost === 0 || this.size >= this.#maxKeys) return undefined;
    const slot = this.#freeSlots.pop() ?? this.#usedSlots++;
    if (slot >= this.#tats.length) this.#grow();
    // A key that was served from the shared bucket must not find a second, full one.
    this.#tats[slot] = table.overflow > now ? table.overflow : FULL;
    table.slots.set(key, slot);
    return slot;
  }

  #grow(): void {
    const grown = new Float64Array(Math.min(this.#tats.length * 2, Math.max(this.#maxKeys, FIRST_SLOTS)));
    grown.set(this.#tats);
    this.#tats = grown;
  }

  /** Goes round and round over all buckets, dropping the full ones; one bucket for each `next()`. */
  *#walk(): Generator<undefined, never, undefined> {
    for (;;) {
      yield;
      for (const { slots, ticksPerMs } of this.#tables.values())
        for (const [key, slot] of slots) {
          if ((this.#tats[slot] ?? FULL) <= Math.floor(this.#elapsedMs * ticksPerMs)) {
            slots.delete(key);
            this.#freeSlots.push(slot);
          }
          yield;
        }
    }
  }
}
