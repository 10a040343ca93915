import { type Clock } from "../../core/index.ts";

export interface RatioWindowOptions {
  readonly clock: Clock;
  /** Length of the window, ms. */
  readonly windowMs: number;
  /** Fewer records than this in the window are no data: one failure of one call is not a rate. */
  readonly minimumSamples: number;
}

/** The window slides in steps of a thirtieth. */
const SLOTS = 30;

/** The share of hits among the records of the last `windowMs`: two counter deltas, kept in a ring of slots. No timer. */
export class RatioWindow {
  readonly #options: RatioWindowOptions;
  readonly #hits = new Float64Array(SLOTS);
  readonly #records = new Float64Array(SLOTS);
  #slot = 0;

  constructor(options: RatioWindowOptions) {
    this.#options = options;
  }

  record(isHit: boolean): void {
    const index = this.#advance();
    (this.#records[index] as number) += 1;
    if (isHit) (this.#hits[index] as number) += 1;
  }

  /** Between 0 and 1, or `undefined` while there are too few records. */
  ratio(): number | undefined {
    this.#advance();
    const records = sum(this.#records);
    return records >= this.#options.minimumSamples ? sum(this.#hits) / records : undefined;
  }

  /** Empties the slots that time has passed since the last look. */
  #advance(): number {
    const { clock, windowMs } = this.#options;
    const now = Math.floor(clock.now() / (windowMs / SLOTS));
    for (let slot = Math.max(this.#slot + 1, now - SLOTS + 1); slot <= now; slot += 1) {
      this.#hits[slot % SLOTS] = 0;
      this.#records[slot % SLOTS] = 0;
    }
    this.#slot = now;
    return now % SLOTS;
  }
}

function sum(numbers: Float64Array): number {
  return numbers.reduce((total, number) => total + number, 0);
}
