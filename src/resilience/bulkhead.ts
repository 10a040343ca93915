import { type Priority } from "../core/index.ts";
import { refusal } from "./refusal.ts";
import { WaitLine } from "./wait-line.ts";

interface Waiter {
  admit(): void;
}

/** At most `max` inside at a time; the next ones wait in line, at most `queue` of them. */
export class Bulkhead {
  readonly max: number;
  readonly queue: number;
  readonly #name: string;
  readonly #line = new WaitLine<Waiter>();
  #inside = 0;

  constructor(name: string, { max, queue }: { readonly max: number; readonly queue: number }) {
    this.#name = name;
    this.max = max;
    this.queue = queue;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** Takes a permit if one is free and nobody waits for it. */
  tryEnter(): boolean {
    if (this.#inside >= this.max) return false;
    this.#inside += 1;
    return true;
  }

  /**
   * Waits for a permit.
   *
   * @throws IntegrationError `QUEUE_FULL`; the signal's reason when it fires first
   */
  enter(signal: AbortSignal, priority?: Priority): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.tryEnter()) return resolve();
      if (this.#line.size >= this.queue)
        return reject(
          refusal({
            code: "QUEUE_FULL",
            message: `${this.#name}: ${this.max} attempts are in flight and ${this.#line.size} wait already`,
          }),
        );
      const onAbort = () => {
        this.#line.remove(waiter);
        reject(signal.reason);
      };
      const waiter = {
        admit: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#line.add(waiter, priority);
    });
  }

  /** Gives a permit back: it goes to the first in line. */
  leave(): void {
    const next = this.#line.size > 0 ? this.#line.first : undefined;
    if (!next) {
      this.#inside -= 1;
      return;
    }
    this.#line.remove(next);
    next.admit();
  }
}
