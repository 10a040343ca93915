import { describeThrown, type EventBus, nextTurn, redactUrls } from "../../core/index.ts";
import { type Decision } from "../gcra.ts";
import { type LimitStore, type ResolvedLimit } from "../limit-store.ts";
import { resolveLimit } from "../rate-limit-options.ts";
import { ConnectionGuard } from "./connection-guard.ts";
import { DeniedKeys } from "./denied-keys.ts";
import { closedFallback, type Fallback, localShareFallback, openFallback } from "./fallback.ts";
import { type Ask, Lane } from "./lane.ts";
import { Leases } from "./leases.ts";
import { LIMIT_SCRIPT, LIMIT_SCRIPT_SHA } from "./limit-script.ts";
import { type RunScript, scriptRunner } from "./redis-client.ts";
import {
  type RedisLimitStoreOptions,
  type ResolvedRedisLimitOptions,
  resolveRedisLimits,
} from "./redis-limit-options.ts";

/** Of the buckets that count this process's share while Redis is away. */
const MAX_LOCAL_KEYS = 100_000;

/** A limit without a name, so that its key is nobody's, and so generous that every probe writes. */
const PROBED = resolveLimit("", { requests: 1, windowMs: 1 });

/** Everything that is kept of one limit. */
interface Held {
  readonly lane: Lane;
  readonly denied: DeniedKeys;
  readonly leases: Leases | undefined;
}

/**
 * Buckets in Redis, shared by a fleet: one atomic script on the server's clock decides about every policy of a limit.
 * The decisions of one tick travel together. A decision never waits longer than `decisionTimeoutMs` and never rejects:
 * while Redis is away, `whenDown` decides at once and the decision says so.
 *
 * @example
 * const store = new RedisLimitStore({ client: new Redis(url), whenDown: "local-share", share: 1 / 4 });
 * const limits = new RateLimiter({ store, limits: { search: { requests: 200, windowMs: 60_000 } } });
 * const { allowed } = await limits.checkAsync("search", userId);
 */
export class RedisLimitStore implements LimitStore {
  readonly synchronous = false;
  readonly #options: ResolvedRedisLimitOptions;
  readonly #events: EventBus | undefined;
  readonly #run: RunScript;
  readonly #guard: ConnectionGuard;
  readonly #fallback: Fallback;
  readonly #held = new Map<string, Held>();
  readonly #unsent = new Set<Lane>();

  /** @throws IntegrationError `INVALID_INPUT` naming every bad option */
  constructor(options: RedisLimitStoreOptions) {
    this.#options = resolveRedisLimits(options);
    const { client, clock, share, whenDown } = this.#options;
    this.#events = options.events;
    this.#run = scriptRunner(client, LIMIT_SCRIPT, LIMIT_SCRIPT_SHA);
    this.#guard = new ConnectionGuard(clock);
    const fallbacks = { open: openFallback, closed: closedFallback };
    this.#fallback =
      whenDown === "local-share" ? localShareFallback(share, clock, MAX_LOCAL_KEYS) : fallbacks[whenDown];
  }

  decide(limit: ResolvedLimit, key: string, cost: number): Decision | Promise<Decision> {
    const { lane, denied, leases } = this.#held.get(limit.id) ?? this.#hold(limit);
    const now = this.#options.clock.now();
    const known = cost > 0 ? (leases?.spend(key, cost, now) ?? denied.decide(key, cost, now)) : undefined;
    if (known) return known;
    if (!this.#guard.isUp) return this.#decideWithout(lane, key, cost);
    return new Promise((resolve) => {
      const fail = () => resolve(this.#decideWithout(lane, key, cost));
      if (cost > 0 && leases?.wait(key, { cost, answer: resolve, fail })) return;
      const answer: Ask["answer"] = ({ granted, used }) => {
        if (granted < 0) denied.remember(key, used, this.#options.clock.now());
        else denied.forget(key);
        resolve(lane.decision(used, cost, granted >= 0));
      };
      this.#send(lane, { key, cost, wanted: cost, answer, fail });
    });
  }

  #hold(limit: ResolvedLimit): Held {
    const { prefix, leaseSize, share, clock } = this.#options;
    const lane = new Lane(limit, prefix);
    const denied = new DeniedKeys(lane);
    const size = Math.min(leaseSize, Math.floor(limit.burst * share));
    const leases = size > 1 ? new Leases(lane, denied, size, clock, (ask) => this.#send(lane, ask)) : undefined;
    const held = { lane, denied, leases };
    this.#held.set(limit.id, held);
    return held;
  }

  #decideWithout(lane: Lane, key: string, cost: number): Decision {
    if (this.#guard.mayProbe()) void this.#probe();
    return this.#fallback(lane.limit, key, cost, this.#guard.retryAfterMs);
  }

  /** Ticks run when all promises have: whatever one answer sets in motion goes out together. */
  #send(lane: Lane, ask: Ask): void {
    lane.asks.push(ask);
    if (this.#unsent.size === 0) process.nextTick(() => this.#flush());
    this.#unsent.add(lane);
  }

  #flush(): void {
    const { maxBatch } = this.#options;
    const lanes = [...this.#unsent];
    this.#unsent.clear();
    for (const lane of lanes) {
      const { asks } = lane;
      lane.asks = [];
      for (let first = 0; first < asks.length; first += maxBatch)
        void this.#ask(lane, asks.slice(first, first + maxBatch));
    }
  }

  async #ask(lane: Lane, asks: readonly Ask[]): Promise<void> {
    try {
      const replies = lane.parse(await this.#bounded(this.#run(...lane.command(asks))), asks.length);
      for (const [index, reply] of replies.entries()) asks[index]?.answer(reply);
    } catch (thrown) {
      if (this.#guard.failed())
        this.#events?.emit("limit.store_lost", {
          whenDown: this.#options.whenDown,
          message: redactUrls(this.#options.redact(describeThrown(thrown))),
        });
      for (const ask of asks) ask.fail();
    }
  }

  /** Asks and writes as a decision does. Whoever comes meanwhile does not wait for it. */
  async #probe(): Promise<void> {
    const lane = new Lane(PROBED, this.#options.prefix);
    const command = lane.command([{ key: "probe", cost: 1, wanted: 1 }]);
    try {
      lane.parse(await this.#bounded(this.#run(...command)), 1);
      this.#events?.emit("limit.store_recovered", { downMs: this.#guard.recovered() });
    } catch {
      this.#guard.probeFailed();
    }
  }

  #bounded<T>(answer: Promise<T>): Promise<T> {
    const { clock, decisionTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(() => {
        // After a stall of our own the answer may lie there, unread: timers run first.
        void nextTurn().then(() => reject(new Error(`no answer within ${decisionTimeoutMs} ms`)));
      }, decisionTimeoutMs);
      answer.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
