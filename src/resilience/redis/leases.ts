import { type Clock } from "../../core/index.ts";
import { type Decision } from "../gcra.ts";
import { type DeniedKeys } from "./denied-keys.ts";
import { type Ask, type Lane, type Reply } from "./lane.ts";

const MAX_KEYS = 10_000;

export interface LeaseWaiter {
  readonly cost: number;
  answer(decision: Decision): void;
  fail(): void;
}

interface Lease {
  /** Charged in Redis, not yet spent here. */
  tokens: number;
  /** The buckets as Redis told them with the last grant. */
  used: readonly number[];
  grantedAt: number;
  waiting: LeaseWaiter[];
  asking: boolean;
}

/**
 * Tokens fetched many at a time and spent here. They are charged when fetched, so the fleet never spends more than its
 * limit; but it may spend late, so that in any interval up to `size` tokens per process come on top of
 * burst + rate × t. What is not spent within the limit's window is forfeited.
 */
export class Leases {
  readonly #lane: Lane;
  readonly #denied: DeniedKeys;
  readonly #clock: Clock;
  readonly #size: number;
  readonly #lifeMs: number;
  readonly #send: (ask: Ask) => void;
  readonly #leases = new Map<string, Lease>();

  /** @param size most tokens held for one key */
  constructor(lane: Lane, denied: DeniedKeys, size: number, clock: Clock, send: (ask: Ask) => void) {
    this.#lane = lane;
    this.#denied = denied;
    this.#size = size;
    this.#clock = clock;
    this.#send = send;
    this.#lifeMs = Math.min(...lane.limit.policies.map(({ windowMs }) => windowMs));
  }

  /** @returns undefined if too few tokens are here */
  spend(key: string, cost: number, now: number): Decision | undefined {
    const lease = this.#leases.get(key);
    if (!lease || lease.waiting.length > 0 || !this.#take(lease, cost, now)) return undefined;
    return this.#decision(lease, cost, now);
  }

  /** @returns false if this call is better asked about alone: it is too dear, or too many keys are leased already */
  wait(key: string, waiter: LeaseWaiter): boolean {
    if (waiter.cost > this.#size) return false;
    const lease = this.#leases.get(key) ?? this.#newLease(key);
    if (!lease) return false;
    lease.waiting.push(waiter);
    if (!lease.asking) this.#ask(key, lease);
    return true;
  }

  #take(lease: Lease, cost: number, now: number): boolean {
    if (now - lease.grantedAt >= this.#lifeMs) lease.tokens = 0;
    if (lease.tokens < cost) return false;
    lease.tokens -= cost;
    return true;
  }

  #decision(lease: Lease, cost: number, now: number): Decision {
    return this.#lane.decision(this.#lane.refilled(lease.used, now - lease.grantedAt, lease.tokens), cost, true);
  }

  #newLease(key: string): Lease | undefined {
    // Leases are renewed at the end of the line, so the first one is the oldest.
    const oldest = this.#leases.size < MAX_KEYS ? undefined : this.#leases.entries().next().value;
    if (oldest) {
      const [oldKey, { asking, grantedAt }] = oldest;
      if (asking || this.#clock.now() - grantedAt < this.#lifeMs) return undefined;
      this.#leases.delete(oldKey);
    }
    const lease: Lease = { tokens: 0, used: [], grantedAt: -Infinity, waiting: [], asking: false };
    this.#leases.set(key, lease);
    return lease;
  }

  #ask(key: string, lease: Lease): void {
    lease.asking = true;
    const size = this.#size;
    this.#send({
      key,
      get cost() {
        return lease.waiting[0]?.cost ?? 0;
      },
      get wanted() {
        const demand = lease.waiting.reduce((sum, { cost }) => sum + cost, 0);
        return Math.max(this.cost, Math.max(size, demand) - lease.tokens);
      },
      answer: (reply) => this.#answered(key, lease, reply),
      fail: () => {
        lease.asking = false;
        for (const waiter of lease.waiting.splice(0)) waiter.fail();
      },
    });
  }

  #answered(key: string, lease: Lease, { granted, used }: Reply): void {
    lease.asking = false;
    const now = this.#clock.now();
    if (granted >= 0) this.#granted(key, lease, granted, used, now);
    else this.#refused(key, lease, used, now);
    if (lease.waiting.length > 0) this.#ask(key, lease);
  }

  #granted(key: string, lease: Lease, granted: number, used: readonly number[], now: number): void {
    if (now - lease.grantedAt >= this.#lifeMs) lease.tokens = 0;
    this.#denied.forget(key);
    lease.tokens += granted;
    lease.used = used;
    lease.grantedAt = now;
    this.#leases.delete(key);
    this.#leases.set(key, lease);
    let served = 0;
    for (const waiter of lease.waiting) {
      if (!this.#take(lease, waiter.cost, now)) break;
      served += 1;
      waiter.answer(this.#decision(lease, waiter.cost, now));
    }
    lease.waiting.splice(0, served);
  }

  #refused(key: string, lease: Lease, used: readonly number[], now: number): void {
    this.#denied.remember(key, used, now);
    for (const waiter of lease.waiting.splice(0)) {
      if (this.#lane.fits(used, waiter.cost)) lease.waiting.push(waiter);
      else waiter.answer(this.#lane.decision(used, waiter.cost, false));
    }
  }
}
