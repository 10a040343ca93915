import { type Priority } from "../core/index.ts";

/** A queue: higher priority first, first come first served within one priority. Leaving from the middle is cheap. */
export class WaitLine<T> {
  readonly #lanes: Readonly<Record<Priority, Set<T>>> = { high: new Set(), normal: new Set(), low: new Set() };

  get size(): number {
    return this.#lanes.high.size + this.#lanes.normal.size + this.#lanes.low.size;
  }

  add(item: T, priority: Priority = "normal"): void {
    this.#lanes[priority].add(item);
  }

  /** @returns false if the item was not waiting any more */
  remove(item: T): boolean {
    return this.#lanes.high.delete(item) || this.#lanes.normal.delete(item) || this.#lanes.low.delete(item);
  }

  has(item: T): boolean {
    return this.#lanes.high.has(item) || this.#lanes.normal.has(item) || this.#lanes.low.has(item);
  }

  /** Who is next; stays in line. */
  get first(): T | undefined {
    for (const item of this) return item;
    return undefined;
  }

  /** Those who would go before a newcomer of this priority. */
  *ahead(priority: Priority = "normal"): Generator<T, void, undefined> {
    yield* this.#lanes.high;
    if (priority === "high") return;
    yield* this.#lanes.normal;
    if (priority === "low") yield* this.#lanes.low;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.ahead("low");
  }
}
