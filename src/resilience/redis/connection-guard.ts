import { type Clock } from "../../core/index.ts";

const FIRST_BREAK_MS = 100;
const LONGEST_BREAK_MS = 2_000;

/**
 * Knows whether Redis is worth asking. After one failure nobody waits for it; once in a while a probe asks, and no
 * caller waits for that either. Timer-free: the decisions themselves tell it that time has passed.
 */
export class ConnectionGuard {
  readonly #clock: Clock;
  #down: { readonly since: number; breakMs: number; probeAt: number; probing: boolean } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isUp(): boolean {
    return this.#down === undefined;
  }

  /** How long until the next probe; at least 1. */
  get retryAfterMs(): number {
    return Math.max(1, Math.ceil((this.#down?.probeAt ?? 0) - this.#clock.now()));
  }

  /** A decision failed. @returns true if Redis was taken to be up until now; stragglers say nothing new */
  failed(): boolean {
    if (this.#down) return false;
    const now = this.#clock.now();
    this.#down = { since: now, breakMs: FIRST_BREAK_MS, probeAt: now + FIRST_BREAK_MS, probing: false };
    return true;
  }

  probeFailed(): void {
    if (!this.#down) return;
    this.#down.breakMs = Math.min(2 * this.#down.breakMs, LONGEST_BREAK_MS);
    this.#down.probeAt = this.#clock.now() + this.#down.breakMs;
    this.#down.probing = false;
  }

  /** @returns true if the caller is to probe now and to tell the outcome */
  mayProbe(): boolean {
    const down = this.#down;
    if (!down || down.probing || this.#clock.now() < down.probeAt) return false;
    return (down.probing = true);
  }

  /** @returns for how long Redis was away, ms */
  recovered(): number {
    const since = this.#down?.since ?? this.#clock.now();
    this.#down = undefined;
    return this.#clock.now() - since;
  }
}
