import type pg from "pg";
import { type Clock, type TimerHandle } from "../../core/index.ts";

export interface LineWatchOptions {
  /** Between two questions, ms; 0: none are asked. */
  readonly everyMs: number;
  readonly clock: Clock;
  readonly onAnswer: () => void;
  /** A question was still unanswered when the next was due. */
  readonly onSilence: () => void;
}

/**
 * Asks a connection that only listens for a sign of life: a path that died without a word looks like one on which
 * nothing happens. TCP's own keep-alive stops at the next proxy, and a WebSocket has none of its own.
 */
export class LineWatch {
  readonly #client: pg.Client;
  readonly #options: LineWatchOptions;
  #timer: TimerHandle | undefined;
  #isAnswered = true;

  constructor(client: pg.Client, options: LineWatchOptions) {
    this.#client = client;
    this.#options = options;
    if (options.everyMs > 0) this.#wait();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(): void {
    const { clock, everyMs } = this.#options;
    this.#timer = clock.setTimer(() => this.#due(), everyMs, { keepAlive: false });
  }

  #due(): void {
    if (!this.#isAnswered) return this.#options.onSilence();
    this.#isAnswered = false;
    this.#client.query("select 1").then(
      () => {
        this.#isAnswered = true;
        this.#options.onAnswer();
      },
      () => undefined, // a lost connection says so itself
    );
    this.#wait();
  }
}
