/** Good and all events over a sliding time, in slots of equal length: memory that does not grow with traffic or time. */
export class EventRing {
  readonly #slotMs: number;
  readonly #good: Float64Array;
  readonly #total: Float64Array;
  #slot = 0;

  /** @param spanMs how far back it can look; two floats for each `slotMs` of it */
  constructor(slotMs: number, spanMs: number) {
    this.#slotMs = slotMs;
    const slots = Math.ceil(spanMs / slotMs) + 1;
    this.#good = new Float64Array(slots);
    this.#total = new Float64Array(slots);
  }

  add(now: number, good: number, total: number): void {
    const index = this.#advance(now);
    (this.#good[index] as number) += good;
    (this.#total[index] as number) += total;
  }

  /** Of the last `windowMs`, rounded up to whole slots. */
  sum(now: number, windowMs: number): { readonly good: number; readonly total: number } {
    this.#advance(now);
    let [good, total] = [0, 0];
    const slots = Math.min(Math.ceil(windowMs / this.#slotMs), this.#good.length);
    for (let slot = this.#slot; slot > this.#slot - slots && slot >= 0; slot -= 1) {
      good += this.#good[slot % this.#good.length] as number;
      total += this.#total[slot % this.#good.length] as number;
    }
    return { good, total };
  }

  /** Empties the slots that time has passed. */
  #advance(now: number): number {
    const current = Math.floor(now / this.#slotMs);
    const size = this.#good.length;
    for (let slot = Math.max(this.#slot + 1, current - size + 1); slot <= current; slot += 1) {
      this.#good[slot % size] = 0;
      this.#total[slot % size] = 0;
    }
    this.#slot = Math.max(this.#slot, current);
    return this.#slot % size;
  }
}
