import type pg from "pg";
import { type Clock } from "../../core/index.ts";
import { type Want } from "./pool-member.ts";

interface Waiter {
  readonly want: Want;
  readonly give: (client: pg.PoolClient) => void;
  readonly fail: (error: unknown) => void;
}

/** Callers without a connection, first come, first served, each for a bounded time. */
export class WaitLine {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** Rejects with `onTimeout()` after `timeoutMs`, or with the signal's reason. */
  join(
    want: Want,
    bounds: {
      readonly signal?: AbortSignal | undefined;
      readonly timeoutMs: number;
      readonly onTimeout: () => unknown;
    },
  ): Promise<pg.PoolClient> {
    const { signal, timeoutMs, onTimeout } = bounds;
    return new Promise((resolve, reject) => {
      const leave = () => {
        timer.cancel();
        signal?.removeEventListener("abort", onAbort);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        want,
        give: (client) => (leave(), resolve(client)),
        fail: (error) => (leave(), reject(error)),
      };
      const onAbort = () => waiter.fail(signal?.reason);
      const timer = this.#clock.setTimer(() => waiter.fail(onTimeout()), timeoutMs);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Gives what `lend` makes of the want to who has waited longest. @returns false if nobody waits */
  serve(lend: (want: Want) => pg.PoolClient): boolean {
    const [waiter] = this.#waiters;
    if (!waiter) return false;
    waiter.give(lend(waiter.want));
    return true;
  }

  /** Fails one who has waited since `since` or longer. */
  failOne(since: number, error: unknown): void {
    for (const waiter of this.#waiters) if (waiter.want.since <= since) return waiter.fail(error);
  }

  /** How many have waited since `time`, or longer. */
  waitingSince(time: number): number {
    let count = 0;
    for (const { want } of this.#waiters) if (want.since <= time) count += 1;
    return count;
  }

  failAll(error: unknown): void {
    for (const waiter of this.#waiters) waiter.fail(error);
  }
}
