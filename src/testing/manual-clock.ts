import { type Clock, clampTimerMs, type TimerHandle } from "../core/index.ts";

interface PendingTimer {
  readonly dueAt: number;
  readonly fn: () => void;
}

/**
 * A {@link Clock} that moves only when told. Monotonic time starts at 0; a timer fires inside the `advance` that
 * reaches it, never on its own, so a test neither sleeps nor races.
 *
 * @example
 * const clock = new ManualClock();
 * const waiting = sleep(1_000, clock);
 * await clock.advance(1_000);
 * await waiting;
 */
export class ManualClock implements Clock {
  #now = 0;
  #wallOffset: number;
  readonly #timers = new Set<PendingTimer>();

  /** @param options.wallNow the date at the start, ms since the epoch. @defaultValue 2026-01-01T00:00:00Z */
  constructor(options: { readonly wallNow?: number } = {}) {
    this.#wallOffset = options.wallNow ?? Date.UTC(2026, 0, 1);
  }

  /** Timers that are neither fired nor cancelled: 0 proves that nothing was left behind. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#wallOffset + this.#now;
  }

  setTimer(fn: () => void, ms: number): TimerHandle {
    const timer: PendingTimer = { dueAt: this.#now + clampTimerMs(ms), fn };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /**
   * Moves both clocks forward by `ms`. Due timers fire one by one at their own time, in order of time and then of
   * creation; promise chains settle before, between and after them, so a timer set by an awaited continuation fires too
   * if it falls within the span. `advance(0)` only settles promises and fires what is due now.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Infinity)) throw new RangeError(`ManualClock.advance: ms must be 0 or more, got ${ms}`);
    const until = this.#now + ms;
    await settle();
    for (let next = this.#earliest(until); next; next = this.#earliest(until)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.dueAt);
      next.fn();
      await settle();
    }
    this.#now = Math.max(this.#now, until);
  }

  /** Moves the wall clock alone, as NTP or an administrator does; monotonic time and timers stay. */
  jumpWall(ms: number): void {
    this.#wallOffset += ms;
  }

  #earliest(until: number): PendingTimer | undefined {
    let earliest: PendingTimer | undefined;
    for (const timer of this.#timers)
      if (timer.dueAt <= until && timer.dueAt < (earliest?.dueAt ?? Infinity)) earliest = timer;
    return earliest;
  }
}

/**
 * Lets every promise chain run to its end: Node empties the microtask queue before it takes the next tick. One tick
 * could still have been queued before the microtasks; the others also serve code that itself hops by ticks, as streams do.
 */
async function settle(): Promise<void> {
  for (let hop = 0; hop < 3; hop += 1) await new Promise<void>((resolve) => process.nextTick(resolve));
}
