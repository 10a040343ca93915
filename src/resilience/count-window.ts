import { type OutcomeSlice, type OutcomeWindow } from "./outcome-window.ts";

const FAILED = 1;
const SLOW = 2;

/**
 * The last `size` outcomes, those of them that are not older than `maxAgeMs`. A ring: each outcome enters once and
 * leaves once, so that one costs the same however many there are.
 */
export class CountWindow implements OutcomeWindow {
  readonly #size: number;
  readonly #maxAgeMs: number;
  readonly #at: Float64Array;
  readonly #marks: Uint8Array;
  #oldest = 0;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(size: number, maxAgeMs: number) {
    this.#size = size;
    this.#maxAgeMs = maxAgeMs;
    this.#at = new Float64Array(size);
    this.#marks = new Uint8Array(size);
  }

  record(now: number, failed: boolean, slow: boolean): void {
    this.#advance(now);
    if (this.calls === this.#size) this.#drop();
    const cell = this.#cell(this.calls);
    this.#at[cell] = now;
    this.#marks[cell] = (failed ? FAILED : 0) | (slow ? SLOW : 0);
    this.calls += 1;
    if (failed) this.failures += 1;
    if (slow) this.slow += 1;
  }

  clear(): void {
    this.calls = this.failures = this.slow = 0;
  }

  slices(now: number): OutcomeSlice[] {
    this.#advance(now);
    return Array.from({ length: this.calls }, (_, index) => {
      const marks = this.#marks[this.#cell(index)] ?? 0;
      return { ageMs: Math.max(0, now - this.#timeOf(index)), calls: 1, failures: marks & FAILED, slow: marks >> 1 };
    });
  }

  /** Slices of a time window come apart into single calls, the bad ones as the newest. */
  restore(slices: readonly OutcomeSlice[], now: number): void {
    this.clear();
    for (const { ageMs, calls, failures, slow } of slices)
      for (let left = Math.min(calls, this.#size); left > 0; left -= 1)
        this.record(now - ageMs, left <= failures, left <= slow);
    this.#advance(now);
  }

  /** Drops what is too old at `now`. A small step back in time drops nothing; one beyond the window drops all. */
  #advance(now: number): void {
    if (this.calls === 0) return;
    if (Math.abs(now - this.#timeOf(this.calls - 1)) > this.#maxAgeMs) this.clear();
    while (this.calls > 0 && now - this.#timeOf(0) > this.#maxAgeMs) this.#drop();
  }

  #drop(): void {
    const marks = this.#marks[this.#oldest] ?? 0;
    this.#oldest = this.#cell(1);
    this.calls -= 1;
    if (marks & FAILED) this.failures -= 1;
    if (marks & SLOW) this.slow -= 1;
  }

  #timeOf(index: number): number {
    return this.#at[this.#cell(index)] ?? 0;
  }

  #cell(index: number): number {
    return (this.#oldest + index) % this.#size;
  }
}
