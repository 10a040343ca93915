import { type Clock, type TimerHandle } from "../../core/index.ts";

/** A statement under watch. It carries the links of the watch's list, so that watching it allocates nothing. */
export interface Watched {
  /** On the monotonic clock, ms. */
  readonly startedAt: number;
  /** Called once, when its time is over. */
  expire(): void;
  /** The watch's own. */
  previous: Watched | undefined;
  next: Watched | undefined;
}

/**
 * Bounds the statements of one pool. All have the same time, so that who began first is always due first: one timer does
 * for all, where one for each would cost a small statement some percent of its processor time.
 */
export class StatementWatch {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #first: Watched | undefined;
  #last: Watched | undefined;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  add(statement: Watched): void {
    const last = this.#last;
    statement.previous = last;
    this.#last = statement;
    if (last) last.next = statement;
    else this.#first = statement;
    if (!this.#timer) this.#arm();
  }

  /** Harmless for one that is not watched (any more). */
  delete(statement: Watched): void {
    const { previous, next } = statement;
    if (previous) previous.next = next;
    else if (this.#first === statement) this.#first = next;
    else return;
    if (next) next.previous = previous;
    else this.#last = previous;
    statement.previous = statement.next = undefined;
  }

  /** It holds no process: the connection on which a statement runs does. */
  #arm(): void {
    const first = this.#first;
    if (!first) return;
    const dueInMs = first.startedAt + this.#timeoutMs - this.#clock.now();
    this.#timer = this.#clock.setTimer(() => this.#expireDue(), dueInMs, { keepAlive: false });
  }

  #expireDue(): void {
    this.#timer = undefined;
    const before = this.#clock.now() - this.#timeoutMs;
    for (let first = this.#first; first && first.startedAt <= before; first = this.#first) {
      this.delete(first);
      first.expire();
    }
    if (!this.#timer) this.#arm();
  }
}
