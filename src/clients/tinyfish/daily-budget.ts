import { type Clock, IntegrationError } from "../../core/index.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** Sums of cents in floating point must not refuse the last run that just fits. */
const ROUNDING_USD = 1e-9;

/** Money put aside for runs whose price is not known yet. */
export interface Reservation {
  /** The runs exist: each settles its share when it is over. */
  bind(runIds: readonly string[]): void;
  /** No run was created: the money is free again. */
  release(): void;
}

/**
 * What this process may spend on a UTC day. The worst case is put aside before a run is created and the real price is
 * booked when it is over; a run that is never seen to end stays at its worst case. At midnight all starts anew.
 */
export class DailyBudget {
  readonly #limitUsd: number;
  readonly #clock: Clock;
  #day = -1;
  #spentUsd = 0;
  #reservedUsd = 0;
  readonly #byRun = new Map<string, number>();

  /** @param limitUsd Infinity: no limit */
  constructor(limitUsd: number, clock: Clock) {
    this.#limitUsd = limitUsd;
    this.#clock = clock;
  }

  /** Spent and put aside today, USD. */
  get usedUsd(): number {
    this.#turnDay();
    return this.#spentUsd + this.#reservedUsd;
  }

  /** @throws IntegrationError BUDGET_EXHAUSTED */
  reserve(totalUsd: number): Reservation {
    if (this.usedUsd + totalUsd > this.#limitUsd + ROUNDING_USD)
      throw new IntegrationError({
        code: "BUDGET_EXHAUSTED",
        message:
          `tinyfish: this may cost up to $${totalUsd.toFixed(2)}, and $${this.usedUsd.toFixed(2)} of today's ` +
          `$${this.#limitUsd.toFixed(2)} are spent or set aside; raise TINYFISH_DAILY_BUDGET_USD, lower maxSteps, or wait for the next UTC day`,
        service: "tinyfish",
        retryAfterMs: DAY_MS - (this.#clock.wallNow() % DAY_MS),
      });
    const day = this.#day;
    this.#reservedUsd += totalUsd;
    let open = true;
    const close = (act: () => void) => {
      if (open && day === this.#day) act();
      open = false;
    };
    return {
      bind: (runIds) => close(() => runIds.forEach((id) => this.#byRun.set(id, totalUsd / runIds.length))),
      release: () => close(() => (this.#reservedUsd -= totalUsd)),
    };
  }

  /** A run is over. What was not put aside here (another process's, yesterday's, settled before) changes nothing. */
  settle(runId: string, costUsd: number): void {
    this.#turnDay();
    const reserved = this.#byRun.get(runId);
    if (reserved === undefined) return;
    this.#byRun.delete(runId);
    this.#reservedUsd -= reserved;
    this.#spentUsd += costUsd;
  }

  #turnDay(): void {
    const day = Math.floor(this.#clock.wallNow() / DAY_MS);
    if (day === this.#day) return;
    this.#day = day;
    this.#spentUsd = this.#reservedUsd = 0;
    this.#byRun.clear();
  }
}
