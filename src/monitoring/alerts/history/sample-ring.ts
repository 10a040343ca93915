const INITIAL_CAPACITY = 8;

/** The samples of one series, oldest first. A stale mark says that the series ended there. */
export class SampleRing {
  #times = new Float64Array(INITIAL_CAPACITY);
  #values = new Float64Array(INITIAL_CAPACITY);
  #stale = new Uint8Array(INITIAL_CAPACITY);
  #first = 0;
  #length = 0;

  /** Samples that it has room for; it grows by doubling, never shrinks. */
  get capacity(): number {
    return this.#times.length;
  }

  get length(): number {
    return this.#length;
  }

  timeAt(index: number): number {
    return this.#times[this.#slot(index)] as number;
  }

  valueAt(index: number): number {
    return this.#values[this.#slot(index)] as number;
  }

  isStaleAt(index: number): boolean {
    return this.#stale[this.#slot(index)] === 1;
  }

  /** A sample of the same time as the last replaces it. `undefined` marks the end of the series. */
  push(time: number, value: number | undefined, mayGrow: (by: number) => boolean): void {
    if (this.#length > 0 && this.timeAt(this.#length - 1) >= time) this.#length -= 1;
    // Without room for more the oldest gives way: the range becomes shorter, which `rate` allows for.
    if (this.#length === this.capacity && !(mayGrow(this.capacity) && this.#grow())) this.dropFirst();
    const slot = this.#slot(this.#length);
    this.#times[slot] = time;
    this.#values[slot] = value ?? NaN;
    this.#stale[slot] = value === undefined ? 1 : 0;
    this.#length += 1;
  }

  dropFirst(): void {
    this.#first = this.#slot(1);
    this.#length -= 1;
  }

  /** The index of the last sample that is not after `time`, or -1. */
  lastUntil(time: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timeAt(middle) <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #slot(index: number): number {
    return (this.#first + index) % this.#times.length;
  }

  #grow(): true {
    const unrolled = <T extends Float64Array | Uint8Array>(old: T, larger: T): T => {
      larger.set(old.subarray(this.#first));
      larger.set(old.subarray(0, this.#first), old.length - this.#first);
      return larger;
    };
    const size = this.#times.length * 2;
    this.#times = unrolled(this.#times, new Float64Array(size));
    this.#values = unrolled(this.#values, new Float64Array(size));
    this.#stale = unrolled(this.#stale, new Uint8Array(size));
    this.#first = 0;
    return true;
  }
}
