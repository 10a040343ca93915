import { type Clock, type TimerHandle } from "../core/index.ts";
import { type Decision } from "./gcra.ts";
import { type LimitStore, type ResolvedLimit } from "./limit-store.ts";
import { type DropPolicy, type Place, WaitLine } from "./wait-line.ts";

export interface Waiter {
  readonly cost: number;
  admit(decision: Decision): void;
  fail(error: unknown): void;
}

/**
 * Those who wait for one key of one limit. One timer, set for the moment at which the first in line can be served;
 * nothing runs while nobody waits.
 */
export class TurnQueue {
  readonly #line = new WaitLine<Waiter>();
  readonly #limit: ResolvedLimit;
  readonly #key: string;
  readonly #store: LimitStore;
  readonly #clock: Clock;
  #timer: TimerHandle | undefined;
  #asking = false;

  constructor(limit: ResolvedLimit, key: string, store: LimitStore, clock: Clock) {
    this.#limit = limit;
    this.#key = key;
    this.#store = store;
    this.#clock = clock;
  }

  get size(): number {
    return this.#line.size;
  }

  /** Tokens promised to those who would be served before a newcomer. */
  costAhead(place: Place | Place["priority"]): number {
    let cost = 0;
    for (const waiter of this.#line.ahead(placeOf(place))) cost += waiter.cost;
    return cost;
  }

  /** Who must go so that a newcomer finds room; undefined: the newcomer. */
  victim(policy: DropPolicy, priority: Place["priority"]): Waiter | undefined {
    return this.#line.victim(policy, priority);
  }

  join(waiter: Waiter, place: Place | Place["priority"]): void {
    this.#line.add(waiter, placeOf(place));
    if (this.#line.first === waiter) this.serve();
  }

  leave(waiter: Waiter): void {
    const wasFirst = this.#line.first === waiter;
    if (this.#line.remove(waiter) && wasFirst) this.serve();
  }

  has(waiter: Waiter): boolean {
    return this.#line.has(waiter);
  }

  /** Serves whoever can be served now, then sets the timer for the next one. */
  serve(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (!this.#asking) {
      const first = this.#line.first;
      if (!first) return;
      const answer = this.#store.decide(this.#limit, this.#key, first.cost);
      if (answer instanceof Promise) return this.#serveLater(first, answer);
      if (!this.#take(first, answer)) return;
    }
  }

  #serveLater(first: Waiter, answer: Promise<Decision>): void {
    this.#asking = true;
    answer.then(
      (decision) => {
        this.#asking = false;
        const next = this.#line.first;
        // The one we asked for may have left meanwhile: its tokens go to a next one who needs no more of them.
        const fits = next === first || (decision.allowed && next !== undefined && next.cost <= first.cost);
        if (!fits || this.#take(next, decision)) this.serve();
      },
      (error: unknown) => {
        this.#asking = false;
        this.#line.remove(first);
        first.fail(error);
        this.serve();
      },
    );
  }

  /** @returns true if the line moved on */
  #take(waiter: Waiter, decision: Decision): boolean {
    if (decision.allowed) {
      this.#line.serve(waiter);
      waiter.admit(decision);
      return true;
    }
    this.#timer = this.#clock.setTimer(() => this.serve(), Math.max(1, decision.retryAfterMs));
    return false;
  }
}

function placeOf(place: Place | Place["priority"]): Place {
  return typeof place === "object" ? place : { priority: place };
}

/** How long `tokens` more take, all those in line included. What only the weakest policy told is guessed for the others. */
export function turnInMs({ policies }: ResolvedLimit, look: Decision, tokens: number): number {
  const turns = policies.map(({ name, requests, windowMs, burst }) => {
    const untilFull = look.policy === undefined || look.policy === name ? look.resetMs : 0;
    return untilFull + ((tokens - burst) * windowMs) / requests;
  });
  return Math.ceil(Math.max(...turns));
}

/** Until one more token is there. */
export const msPerToken = ({ policies }: ResolvedLimit): number =>
  Math.max(...policies.map(({ requests, windowMs }) => windowMs / requests));
