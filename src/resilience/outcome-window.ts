/** What the breaker's decision rests on. */
export interface OutcomeCounts {
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
}

/** One slice of the window, for snapshots. `ageMs` is counted from the slice's start. */
export interface OutcomeSlice extends OutcomeCounts {
  readonly ageMs: number;
}

/** The recent outcomes. What is too old has left by the time anybody reads the counts of a new outcome. */
export interface OutcomeWindow extends OutcomeCounts {
  record(now: number, failed: boolean, slow: boolean): void;
  clear(): void;
  /** What is in it, oldest first. */
  slices(now: number): OutcomeSlice[];
  /** Puts slices of an earlier window back, those that are still young enough. */
  restore(slices: readonly OutcomeSlice[], now: number): void;
}

const SLICES = 10;

/**
 * Counts of the last `windowMs`, in ten slices that are dropped by age and not by visit: after an hour without traffic
 * nothing old counts. Each operation touches at most ten cells, whatever the traffic.
 */
export class TimeWindow implements OutcomeWindow {
  readonly #sliceMs: number;
  // Floats, because a restored count may be larger than 32 bits.
  readonly #calls = new Float64Array(SLICES);
  readonly #failures = new Float64Array(SLICES);
  readonly #slow = new Float64Array(SLICES);
  #newest = -Infinity;
  /** Where the newest slice is kept: the remainder of a division, which as a float's costs more than the rest of an outcome. */
  #newestCell = 0;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / SLICES;
  }

  record(now: number, failed: boolean, slow: boolean): void {
    this.advance(now);
    this.#addTo(this.#newestCell, 1, failed ? 1 : 0, slow ? 1 : 0);
  }

  /** Drops what is too old at `now`. A small step back in time drops nothing; one beyond the window drops all. */
  advance(now: number): void {
    const slice = Math.floor(now / this.#sliceMs);
    if (slice <= this.#newest) {
      if (slice <= this.#newest - SLICES) {
        this.clear();
        this.#begin(slice);
      }
      return;
    }
    for (let old = Math.max(this.#newest + 1, slice - SLICES + 1); old <= slice; old += 1) {
      const cell = cellOf(old);
      this.#add(old, -(this.#calls[cell] ?? 0), -(this.#failures[cell] ?? 0), -(this.#slow[cell] ?? 0));
    }
    this.#begin(slice);
  }

  clear(): void {
    for (const cells of [this.#calls, this.#failures, this.#slow]) cells.fill(0);
    this.calls = this.failures = this.slow = 0;
  }

  slices(now: number): OutcomeSlice[] {
    this.advance(now);
    const found: OutcomeSlice[] = [];
    for (let slice = this.#newest - SLICES + 1; slice <= this.#newest; slice += 1) {
      const cell = cellOf(slice);
      const counts = {
        calls: this.#calls[cell] ?? 0,
        failures: this.#failures[cell] ?? 0,
        slow: this.#slow[cell] ?? 0,
      };
      if (counts.calls > 0) found.push({ ageMs: Math.max(0, now - slice * this.#sliceMs), ...counts });
    }
    return found;
  }

  restore(slices: readonly OutcomeSlice[], now: number): void {
    this.clear();
    this.advance(now);
    for (const { ageMs, calls, failures, slow } of slices) {
      const slice = Math.floor((now - ageMs) / this.#sliceMs);
      if (slice <= this.#newest && slice > this.#newest - SLICES) this.#add(slice, calls, failures, slow);
    }
  }

  #begin(slice: number): void {
    this.#newest = slice;
    this.#newestCell = cellOf(slice);
  }

  #add(slice: number, calls: number, failures: number, slow: number): void {
    this.#addTo(cellOf(slice), calls, failures, slow);
  }

  #addTo(cell: number, calls: number, failures: number, slow: number): void {
    this.#calls[cell] = (this.#calls[cell] ?? 0) + calls;
    this.#failures[cell] = (this.#failures[cell] ?? 0) + failures;
    this.#slow[cell] = (this.#slow[cell] ?? 0) + slow;
    this.calls += calls;
    this.failures += failures;
    this.slow += slow;
  }
}

/** Slice numbers may be negative: the clock's origin is arbitrary. */
function cellOf(slice: number): number {
  return ((slice % SLICES) + SLICES) % SLICES;
}
