import { type Redis } from "ioredis";
import { type Clock, systemClock, type TimerHandle } from "../../src/core/index.ts";
import { type IoredisLike } from "../../src/resilience/index.ts";

interface Pending {
  readonly dueAt: number;
  readonly fn: () => void;
  readonly keepAlive: boolean | undefined;
  real: TimerHandle;
}

/**
 * The system's clock, for tests against real servers, whose monotonic time can be moved ahead: what is due by then
 * fires at once. The calendar does not move, or tokens would end.
 */
export class LeapingClock implements Clock {
  #leaptMs = 0;
  readonly #timers = new Set<Pending>();

  get leaptMs(): number {
    return this.#leaptMs;
  }

  now(): number {
    return systemClock.now() + this.#leaptMs;
  }

  wallNow(): number {
    return systemClock.wallNow();
  }

  setTimer(fn: () => void, ms: number, { keepAlive }: { keepAlive?: boolean } = {}): TimerHandle {
    const timer = { dueAt: this.now() + ms, fn, keepAlive } as Pending;
    this.#timers.add(timer);
    this.#arm(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.real.cancel();
      },
    };
  }

  leap(ms: number): void {
    this.#leaptMs += ms;
    for (const timer of [...this.#timers].sort((a, b) => a.dueAt - b.dueAt)) {
      if (!this.#timers.has(timer)) continue;
      timer.real.cancel();
      if (timer.dueAt <= this.now()) this.#fire(timer);
      else this.#arm(timer);
    }
  }

  #arm(timer: Pending): void {
    const { keepAlive } = timer;
    const fire = () => this.#fire(timer);
    timer.real = systemClock.setTimer(fire, timer.dueAt - this.now(), keepAlive === undefined ? {} : { keepAlive });
  }

  #fire(timer: Pending): void {
    this.#timers.delete(timer);
    timer.fn();
  }
}

/** A client whose scripts see the server's time as far ahead as the clock is; everything else is the real thing. */
export function leapingRedis(client: Redis, clock: LeapingClock): IoredisLike {
  const ahead = (script: string) =>
    script.replace(
      /redis\.call\(["']TIME["']\)/,
      (time) => `(function(t) t[1] = t[1] + ${Math.floor(clock.leaptMs / 1_000)} return t end)(${time})`,
    );
  return {
    // The text differs from leap to leap: no server knows it by its digest.
    evalsha: () => Promise.reject(new Error("NOSCRIPT")),
    eval: (script, count, ...rest) => client.eval(ahead(script), count, ...rest),
  };
}
