import { type AwakeStats, type WakeUpCause } from "./pool-statistics.ts";

/**
 * Estimates how long a scale-to-zero compute is awake because of us: from the first statement of a burst until
 * `suspendAfterMs` after its last. That tail is counted as soon as it is certain, so that no timer is needed and the
 * number only ever grows. A lent connection counts as busy.
 */
export class AwakeMeter {
  readonly #suspendAfterMs: number;
  readonly #wakeUps: Record<WakeUpCause, number> = { call: 0, wake: 0, probe: 0 };
  #awakeMs = 0;
  #awakeUntil = -Infinity;
  #lent = 0;
  #told = 0;

  constructor(suspendAfterMs: number) {
    this.#suspendAfterMs = suspendAfterMs;
  }

  /** True if the compute has probably gone to sleep, or was never awake for us. */
  isAsleep(now: number): boolean {
    return this.#lent === 0 && now >= this.#awakeUntil;
  }

  /** A statement was sent, or answered. */
  touch(now: number, cause: WakeUpCause = "call"): void {
    const until = now + this.#suspendAfterMs;
    if (this.isAsleep(now)) {
      this.#wakeUps[cause] += 1;
      this.#awakeMs += this.#suspendAfterMs;
    } else if (until > this.#awakeUntil) {
      this.#awakeMs += until - this.#awakeUntil;
    }
    this.#awakeUntil = Math.max(this.#awakeUntil, until);
  }

  lent(now: number, cause: WakeUpCause): void {
    this.touch(now, cause);
    this.#lent += 1;
  }

  returned(now: number): void {
    this.touch(now);
    this.#lent -= 1;
  }

  /** What came on top since the last time; 0 while it is less than a second, unless `all`. */
  take(options: { readonly all?: boolean } = {}): number {
    const more = this.#awakeMs - this.#told;
    if (more < 1_000 && !options.all) return 0;
    this.#told = this.#awakeMs;
    return more;
  }

  read(): AwakeStats {
    return { awakeMs: this.#awakeMs, wakeUps: { ...this.#wakeUps } };
  }
}
