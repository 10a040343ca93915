import { type Clock, type TimerHandle } from "../../core/index.ts";
import { type PoolMember } from "./pool-member.ts";

/** So long an idle connection still holds the process, ms: to let go of a socket for the moment between two statements costs more than to keep it. */
const REST_AFTER_MS = 10;

/** Idle connections. The last one put here is the first one taken: the others may grow old and go. */
export class IdleShelf {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onExpired: (member: PoolMember) => void;
  readonly #members: PoolMember[] = [];
  #sweep: TimerHandle | undefined;
  #rest: TimerHandle | undefined;

  /** @param timeoutMs 0 keeps them for ever */
  constructor(clock: Clock, timeoutMs: number, onExpired: (member: PoolMember) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#members.length;
  }

  /** @param now a fresh reading of the clock */
  put(member: PoolMember, now: number): void {
    member.idleSince = now;
    this.#members.push(member);
    if (!this.#sweep) this.#arm();
    this.#rest ??= this.#clock.setTimer(() => this.#letRest(), REST_AFTER_MS, { keepAlive: false });
  }

  take(): PoolMember | undefined {
    return this.#members.pop();
  }

  /** @returns false if it was not here */
  drop(member: PoolMember): boolean {
    const at = this.#members.indexOf(member);
    if (at >= 0) this.#members.splice(at, 1);
    return at >= 0;
  }

  /** A copy: they may be dropped on the way. */
  all(): PoolMember[] {
    return this.#members.slice();
  }

  stop(): void {
    this.#sweep?.cancel();
    this.#letRest();
  }

  /** From now on the process need not live for those that are idle. */
  #letRest(): void {
    this.#rest?.cancel();
    this.#rest = undefined;
    for (const member of this.#members) member.keepAlive(false);
  }

  /** One timer for all: the longest idle is the first. */
  #arm(): void {
    const [longest] = this.#members;
    this.#sweep = undefined;
    if (!longest || this.#timeoutMs === 0) return;
    const dueInMs = longest.idleSince + this.#timeoutMs - this.#clock.now();
    this.#sweep = this.#clock.setTimer(() => this.#expire(), dueInMs, { keepAlive: false });
  }

  #expire(): void {
    const before = this.#clock.now() - this.#timeoutMs;
    for (const member of this.all()) if (member.idleSince <= before) this.#onExpired(member);
    this.#arm();
  }
}
