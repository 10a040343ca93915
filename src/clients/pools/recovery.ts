import { type Clock, type EventBus, type Random, type TimerHandle } from "../../core/index.ts";
import { type PoolMode } from "./pool-mode.ts";

/** First and longest wait between two attempts, ms: a database that is back is found within a second. */
const BASE_DELAY_MS = 100;
const MAX_DELAY_MS = 500;

export interface RecoveryOptions {
  readonly pool: string;
  /** Stops asking when nobody has wanted the database for so long, ms. */
  readonly quietAfterMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventBus;
  /** One bounded question. Its answer has reached the pool's mode by the time it resolves. */
  readonly ask: () => Promise<"writable" | "read-only" | "failed">;
  /** Nobody wants it any more: the pool forgets what it knew. */
  readonly onPaused: () => void;
}

/**
 * Brings a degraded pool back: asks with growing, jittered waits until the database takes writes again. It asks only
 * while callers do, so that a compute that nobody uses may sleep; and only after a wait in which no caller found the
 * database away, since each of them has asked already: under load an outage costs the database no request of ours.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  #timer: TimerHandle | undefined;
  #startedAt: number | undefined;
  #wantedAt = -Infinity;
  /** When a caller last found the database away. */
  #missedAt = -Infinity;
  #delayMs = 0;
  #attempts = 0;
  #isAsking = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Somebody wants the database. */
  wanted(now: number): void {
    this.#wantedAt = now;
  }

  /** The database could not be reached: by a caller, unless we are asking ourselves. */
  missed(): void {
    if (!this.#isAsking) this.#wantedAt = this.#missedAt = this.#options.clock.now();
  }

  /** The pool's mode is now this one. */
  follow(mode: PoolMode, reason: string): void {
    const { pool, events, clock } = this.#options;
    if (mode === "read-write") return this.#end("recovered");
    if (this.#startedAt !== undefined) return; // from one trouble into another
    this.#startedAt = clock.now();
    this.#attempts = 0;
    this.wanted(this.#startedAt);
    events.emit("pool.recovery_started", { pool, mode, reason });
    this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#startedAt = undefined;
  }

  #end(outcome: "recovered" | "paused"): void {
    if (this.#startedAt === undefined) return;
    const { pool, events, clock } = this.#options;
    const degradedMs = clock.now() - this.#startedAt;
    this.stop();
    events.emit("pool.recovery_ended", { pool, outcome, attempts: this.#attempts, degradedMs });
  }

  #schedule(): void {
    const { random } = this.#options;
    this.#delayMs = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** this.#attempts) * (0.5 + 0.5 * random.next());
    this.#wait(this.#delayMs);
  }

  #wait(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(() => void this.#due(), delayMs, { keepAlive: false });
  }

  async #due(): Promise<void> {
    const { pool, quietAfterMs, clock, events, ask, onPaused } = this.#options;
    const now = clock.now();
    if (now - this.#wantedAt > quietAfterMs) {
      this.#end("paused");
      return onPaused();
    }
    const restMs = this.#missedAt + this.#delayMs - now;
    if (restMs > 0) return this.#wait(restMs);
    const attempt = (this.#attempts += 1);
    this.#isAsking = true;
    const outcome = await ask();
    this.#isAsking = false;
    events.emit("pool.recovery_attempted", { pool, attempt, outcome });
    if (this.#startedAt !== undefined) this.#schedule();
  }
}
