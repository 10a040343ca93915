import { type Clock, type TimerHandle } from "../core/index.ts";

/** Something that must end by a moment on the monotonic clock, ms. */
export interface Expiring {
  readonly dueAt: number;
  /** Called once, when the moment has come. */
  expire(): void;
}

/** How long the timer may outlive the last call, ms. */
const TICK_MS = 100;

/**
 * All deadlines on one timer. A timer per call was measured at 170 ns and more; putting a deadline into this set and
 * taking it out again costs half of that, and most calls end before any timer is due.
 *
 * The timer fires at the earliest deadline, exactly. It also fires every {@link TICK_MS} to see whether anybody is
 * still there: so it need not be set and cleared for each call, holds the process only while calls are under way, and
 * is gone a tick after the last one.
 */
export class DeadlineWatch {
  readonly #clock: Clock;
  readonly #watched = new Set<Expiring>();
  #timer: TimerHandle | undefined;
  #firesAt = Infinity;
  /** No deadline is earlier; the earliest one may be later, if its owner has left. */
  #earliest = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param now a fresh reading of the clock */
  add(item: Expiring, now: number): void {
    this.#watched.add(item);
    if (item.dueAt < this.#earliest) this.#earliest = item.dueAt;
    if (!this.#timer || item.dueAt < this.#firesAt) this.#arm(now);
  }

  remove(item: Expiring): void {
    this.#watched.delete(item);
  }

  #arm(now: number): void {
    this.#timer?.cancel();
    this.#firesAt = Math.min(this.#earliest, now + TICK_MS);
    this.#timer = this.#clock.setTimer(() => this.#tick(), this.#firesAt - now);
  }

  #tick(): void {
    this.#timer = undefined;
    if (this.#watched.size === 0) {
      this.#earliest = Infinity;
      return;
    }
    const now = this.#clock.now();
    if (this.#earliest <= now) this.#expireDue(now);
    if (!this.#timer && this.#watched.size > 0) this.#arm(now);
  }

  #expireDue(now: number): void {
    const due: Expiring[] = [];
    this.#earliest = Infinity;
    for (const item of this.#watched)
      if (item.dueAt <= now) due.push(item);
      else if (item.dueAt < this.#earliest) this.#earliest = item.dueAt;
    for (const item of due) {
      // An earlier one's end may have ended this one too.
      if (this.#watched.delete(item)) item.expire();
    }
  }
}
