import { type BreakerSnapshot, CircuitBreaker, REFUSED } from "enhanced-integration/resilience";
import { type Outcome, ReferenceBreaker, type Settings } from "./reference-breaker.ts";

export interface Ticket {
  readonly permit: number;
  readonly round: number;
}

/** Our breaker and the reference, given the same commands at the same time. */
export class BreakerPair {
  now = 0;
  wallNow = 0;
  readonly model: ReferenceBreaker;
  /** The calls that were let through and have not come back. */
  readonly inFlight: Ticket[] = [];
  /** What differed first; undefined: nothing. */
  difference: string | undefined = undefined;
  #breaker: CircuitBreaker;
  readonly #make: () => CircuitBreaker;

  /** @param jitter makes a source of chance; one for each of the two, alike */
  constructor(settings: Settings, jitter: () => () => number) {
    const clock = { now: () => this.now, wallNow: () => this.wallNow, setTimer: () => ({ cancel() {} }) };
    const random = { next: jitter() };
    this.#make = () => new CircuitBreaker({ ...settings, clock, random });
    this.#breaker = this.#make();
    this.model = new ReferenceBreaker(settings, jitter());
  }

  wait(ms: number): void {
    this.now += ms;
    this.wallNow += ms;
  }

  enter(): void {
    const permit = this.#breaker.enter(this.now);
    const round = this.model.enter(this.now);
    this.#expect("admitted", permit !== REFUSED, round !== undefined);
    if (round !== undefined && permit !== REFUSED) this.inFlight.push({ permit, round });
  }

  leave(index: number, outcome: Outcome, durationMs: number): void {
    const [ticket] = this.inFlight.splice(index, 1);
    if (!ticket) return;
    this.#breaker.leave(ticket.permit, outcome, this.now, durationMs);
    this.model.leave(ticket.round, outcome, this.now, durationMs);
  }

  isolate(): void {
    this.#breaker.isolate();
    this.model.isolate(this.now);
  }

  close(): void {
    this.#breaker.close();
    this.model.close(this.now);
  }

  /** Into another process, as JSON: its clock began at another moment, and some time has passed. */
  move(shiftMs: number, elapsedMs: number): void {
    const text = JSON.stringify(this.#breaker.snapshot());
    this.now += shiftMs + elapsedMs;
    this.wallNow += elapsedMs;
    this.#breaker = this.#make();
    this.#breaker.restore(JSON.parse(text) as BreakerSnapshot);
    this.model.move(shiftMs, this.now);
    // Calls do not move along.
    this.inFlight.length = 0;
  }

  /** The cheap part of what can be seen: the state as told, and whether a call would pass. */
  look(): void {
    const { phase } = this.model;
    const next = this.model.next(this.now);
    const told = phase === "ramping" ? (next === "end of ramp" ? "closed" : "half-open") : phase;
    this.#expect("state", this.#breaker.state, next === "new round" ? "half-open" : told);
    this.#expect("allows", this.#breaker.allows(), next !== "refuse");
  }

  /** Everything that can be seen. */
  inspect(): void {
    this.look();
    const { phase, since, until, opens } = this.model;
    const snapshot = this.#breaker.snapshot();
    const total = (name: "calls" | "failures" | "slow") => snapshot.window.reduce((sum, slice) => sum + slice[name], 0);
    const recent = this.model.recent(this.now);
    this.#expect("snapshot.state", snapshot.state, phase === "ramping" ? "half-open" : phase);
    this.#expect("ramping", snapshot.ramping, phase === "ramping");
    this.#expect("remainingMs", snapshot.remainingMs, phase === "open" ? Math.max(0, until - this.now) : 0);
    this.#expect("forMs", snapshot.forMs, phase === "isolated" ? 0 : Math.max(0, this.now - since));
    this.#expect("opens", snapshot.opens, phase === "isolated" ? 0 : opens);
    this.#expect("calls", total("calls"), recent.length);
    this.#expect("failures", total("failures"), recent.filter(({ failed }) => failed).length);
    this.#expect("slow", total("slow"), recent.filter(({ slow }) => slow).length);
  }

  #expect<T>(what: string, mine: T, reference: T): void {
    if (mine !== reference)
      this.difference ??= `${what} is ${String(mine)}, the reference says ${String(reference)} (at ${this.now} ms)`;
  }
}
