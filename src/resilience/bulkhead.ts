import { type Clock, type IntegrationError, type Priority } from "../core/index.ts";
import { type AdaptiveRule, initialLimit, learn, type LimitState } from "./concurrency-limit.ts";
import { type DeadlineWatch, Expiring } from "./deadline-watch.ts";
import { refusal } from "./refusal.ts";
import { type DropPolicy, type Place, WaitLine } from "./wait-line.ts";

/** {@link ConcurrencyOptions}, complete. */
export interface ResolvedConcurrency {
  readonly max: number;
  readonly min: number;
  readonly adaptive: AdaptiveRule | false;
  readonly queue: number;
  readonly maxWaitMs: number;
  readonly drop: DropPolicy;
  readonly shares: Readonly<Record<Priority, number>>;
}

/** One who stands in line. */
class Waiter extends Expiring {
  readonly dueAt: number;
  readonly priority: Priority;
  readonly admit: () => void;
  readonly fail: (error: unknown) => void;
  readonly #onExpire: (waiter: Waiter) => void;

  constructor(
    dueAt: number,
    priority: Priority,
    admit: () => void,
    fail: (error: unknown) => void,
    onExpire: (waiter: Waiter) => void,
  ) {
    super();
    this.dueAt = dueAt;
    this.priority = priority;
    this.admit = admit;
    this.fail = fail;
    this.#onExpire = onExpire;
  }

  expire(): void {
    this.#onExpire(this);
  }
}

/** At most `max` inside at a time, fewer where the service bears fewer; the next ones wait in line. */
export class Bulkhead {
  readonly options: ResolvedConcurrency;
  readonly #name: string;
  readonly #around: { readonly clock: Clock; readonly deadlines: DeadlineWatch };
  readonly #shared: boolean;
  #line: WaitLine<Waiter> | undefined = undefined;
  #limit: LimitState | undefined;
  #max: number;
  #inside = 0;
  readonly #insideBy: Record<Priority, number> = { high: 0, normal: 0, low: 0 };

  constructor(
    name: string,
    options: ResolvedConcurrency,
    around: { readonly clock: Clock; readonly deadlines: DeadlineWatch },
  ) {
    this.#name = name;
    this.options = options;
    this.#around = around;
    this.#limit = options.adaptive ? initialLimit(options) : undefined;
    this.#max = this.#limit ? Math.floor(this.#limit.limit) : options.max;
    const { high, normal, low } = options.shares;
    this.#shared = high < 1 || normal < 1 || low < 1;
  }

  /** What is allowed now; moves between `min` and `max` where the limit adapts. */
  get max(): number {
    return this.#max;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#line?.size ?? 0;
  }

  /** Takes a permit if one is free for this priority. */
  tryEnter(priority: Priority): boolean {
    if (this.#inside >= this.#max || (this.#shared && !this.#hasShare(priority))) return false;
    this.#inside += 1;
    this.#insideBy[priority] += 1;
    return true;
  }

  /**
   * Waits for a permit.
   *
   * @throws IntegrationError `QUEUE_FULL`; the signal's reason when it fires first
   */
  enter(signal: AbortSignal, { priority = "normal", tenant }: Place = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.tryEnter(priority)) return resolve();
      const { clock, deadlines } = this.#around;
      const line = (this.#line ??= new WaitLine());
      const full = this.#makeRoom(line, priority);
      if (full) return reject(full);
      const now = clock.now();
      const done = () => {
        signal.removeEventListener("abort", onAbort);
        deadlines.remove(waiter);
      };
      const waiter = new Waiter(
        now + this.options.maxWaitMs,
        priority,
        () => (done(), resolve()),
        (error) => (done(), line.remove(waiter), reject(error)),
        () => waiter.fail(this.#refusal(`no permit came free within ${this.options.maxWaitMs} ms`)),
      );
      const onAbort = () => waiter.fail(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      line.add(waiter, { priority, tenant });
      if (waiter.dueAt !== Infinity) deadlines.add(waiter, now);
    });
  }

  /**
   * Gives a permit back: it goes to the first in line.
   *
   * @param sample what the attempt showed; undefined: nothing
   */
  leave(priority: Priority, sample?: { readonly durationMs: number; readonly overloaded: boolean }): void {
    if (this.#limit && this.options.adaptive && sample) {
      this.#limit = learn(this.options.adaptive, this.#limit, { ...sample, inFlight: this.#inside }, this.options);
      this.#max = Math.floor(this.#limit.limit);
    }
    this.#inside -= 1;
    this.#insideBy[priority] -= 1;
    if (this.#line && this.#line.size > 0) this.#admitNext(this.#line);
  }

  #admitNext(line: WaitLine<Waiter>): void {
    const mayGo = this.#shared ? (priority: Priority) => this.#hasShare(priority) : undefined;
    while (this.#inside < this.#max) {
      const next = line.next(mayGo);
      if (!next) return;
      line.serve(next);
      this.#inside += 1;
      this.#insideBy[next.priority] += 1;
      next.admit();
    }
  }

  /** A class always has one permit: a small share of few permits must not mean none. */
  #hasShare(priority: Priority): boolean {
    const share = this.options.shares[priority];
    return share >= 1 || this.#insideBy[priority] < Math.max(1, Math.floor(share * this.#max));
  }

  /** @returns the error for the newcomer if there is none */
  #makeRoom(line: WaitLine<Waiter>, priority: Priority): IntegrationError | undefined {
    if (line.size < this.options.queue) return undefined;
    const victim = this.options.queue > 0 ? line.victim(this.options.drop, priority) : undefined;
    if (!victim) return this.#refusal(`${line.size} wait already`);
    victim.fail(this.#refusal(`${line.size} waited already, and this one was dropped for a newcomer`));
    return undefined;
  }

  #refusal(why: string): IntegrationError {
    return refusal({
      code: "QUEUE_FULL",
      message: `${this.#name}: ${this.#inside} attempts are in flight and ${why}`,
    });
  }
}
