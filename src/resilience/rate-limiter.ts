import {
  callIds,
  type Clock,
  type EventBus,
  IntegrationError,
  MAX_TIMER_MS,
  type OnBehalfOf,
  systemClock,
  type TimerHandle,
  OptionCheck,
} from "../core/index.ts";
import { type Decision } from "./gcra.ts";
import { boundedKey } from "./limit-keys.ts";
import { type LimitStore, type ResolvedLimit } from "./limit-store.ts";
import { HeardUsage, type LimitUsage } from "./limit-usage.ts";
import { MemoryLimitStore } from "./memory-limit-store.ts";
import { parseWindowMs } from "./parse-window.ts";
import {
  type AcquireOptions,
  checkLimitOptions,
  type CheckOptions,
  describeLimit,
  type LimitDescription,
  type RateLimiterOptions,
  resolveLimit,
} from "./rate-limit-options.ts";
import { rateLimited, type Refused, refusal } from "./refusal.ts";
import { msPerToken, turnInMs, TurnQueue, type Waiter } from "./turn-queue.ts";
import { dropPolicies, type DropPolicy } from "./wait-line.ts";

const DEFAULT_MAX_WAITERS = 1_000;
const DEFAULT_MAX_WAIT_MS = 30_000;
/** Different (limit, window) pairs that `checkLimit` may be called with: they come from code, so a few dozen is usual. */
const MAX_AD_HOC_LIMITS = 1_000;

/**
 * Token buckets by name and key: at most `burst + rate × t` admitted in any interval `t`, exact at any cadence.
 *
 * @example
 * const limits = new RateLimiter({ limits: { search: { requests: 200, windowMs: 60_000, burst: 20 } } });
 * const { allowed, retryAfterMs } = limits.check("search", userId);
 */
export class RateLimiter {
  readonly #limits = new Map<string, ResolvedLimit>();
  readonly #adHoc = new Map<string, ResolvedLimit>();
  readonly #queues = new Map<string, TurnQueue>();
  readonly #store: LimitStore;
  readonly #clock: Clock;
  readonly #events: EventBus | undefined;
  readonly #maxWaiters: number;
  readonly #drop: DropPolicy;
  /** Undefined where the store can be looked through. */
  readonly #heard: HeardUsage | undefined;
  #last: ResolvedLimit | undefined = undefined;
  #waiters = 0;

  /** @throws IntegrationError `INVALID_INPUT` naming every bad option */
  constructor(options: RateLimiterOptions = {}) {
    const check = new OptionCheck("RateLimiter");
    for (const [name, limit] of Object.entries(options.limits ?? {})) checkLimitOptions(check, `limits.${name}`, limit);
    check.number("maxWaiters", options.maxWaiters, { min: 0, max: 1_000_000, integer: true });
    check.oneOf("drop", options.drop, dropPolicies);
    check.throwIfAny();
    for (const [name, limit] of Object.entries(options.limits ?? {})) this.#limits.set(name, resolveLimit(name, limit));
    this.#clock = options.clock ?? systemClock;
    this.#store = options.store ?? new MemoryLimitStore({ clock: this.#clock, maxKeys: options.maxKeys });
    this.#heard = this.#store.usage ? undefined : new HeardUsage(this.#clock);
    this.#events = options.events;
    this.#maxWaiters = options.maxWaiters ?? DEFAULT_MAX_WAITERS;
    this.#drop = options.drop ?? "reject-newest";
  }

  /** The limits as resolved, for headers and `describe()`. */
  get limits(): readonly LimitDescription[] {
    return [...this.#limits.values()].map(describeLimit);
  }

  /** True if {@link check} may be used: the store answers at once. */
  get synchronous(): boolean {
    return this.#store.synchronous;
  }

  /** The clock by which {@link check} counts, where that is one of this process. */
  get clock(): Clock | undefined {
    return this.#store.clock;
  }

  /** Callers that wait in {@link acquire} now. */
  get waiting(): number {
    return this.#waiters;
  }

  /**
   * How far a limit is used up now: by all keys with the memory store, which takes a millisecond for a million of them; with
   * a shared one as its answers to this process told.
   * @throws IntegrationError `INVALID_INPUT` for an unknown name
   */
  usage(name: string): LimitUsage {
    const limit = this.#limit(name);
    return this.#store.usage?.(limit) ?? this.#heard!.of(limit);
  }

  /**
   * Decides at once. A denial is a value, costs no more than an allow, and takes nothing. Does not queue behind those
   * who wait in {@link acquire}.
   *
   * @param now a reading of {@link clock} that was taken just now, ms: saves half of a decision's price
   * @throws IntegrationError `INVALID_INPUT` for an unknown name, a cost that never fits, or a store that answers later
   */
  check(name: string, key: string, options?: CheckOptions, now?: number, by?: OnBehalfOf): Decision {
    const limit = this.#limit(name);
    const cost = costOf(limit, options);
    if (!this.synchronous)
      throw invalid(`the store of limit ${name} answers asynchronously; call checkAsync instead of check`);
    return this.#told(limit, this.#store.decide(limit, boundedKey(key), cost, now) as Decision, key, by);
  }

  /** {@link check} for any store. */
  async checkAsync(name: string, key: string, options?: CheckOptions, by?: OnBehalfOf): Promise<Decision> {
    const limit = this.#limit(name);
    return this.#told(limit, await this.#store.decide(limit, boundedKey(key), costOf(limit, options)), key, by);
  }

  /**
   * Waits for its turn: by priority, then tenants by turns, then first come, first served. Returns at once, without a timer, where
   * there is nothing to wait for.
   *
   * @throws IntegrationError `RATE_LIMITED` (with `retryAfterMs`) if the turn cannot come within `maxWaitMs`,
   * `QUEUE_FULL` if too many wait already, `ABORTED` (or the signal's own IntegrationError) when the signal fires
   */
  async acquire(name: string, anyKey: string, options: AcquireOptions = {}): Promise<Decision> {
    const limit = this.#limit(name);
    const key = boundedKey(anyKey);
    const cost = costOf(limit, options);
    const maxWaitMs = options.maxWaitMs ?? DEFAULT_MAX_WAIT_MS;
    if (!(maxWaitMs >= 0)) throw invalid(`acquire: maxWaitMs must be 0 or more, got ${maxWaitMs}`);

    const id = `${name}\u0000${key}`;
    const queue = this.#queues.get(id);
    if (!queue) {
      const answer = this.#store.decide(limit, key, cost);
      const decision = answer instanceof Promise ? await answer : answer;
      this.#heard?.hear(limit, key, decision);
      if (decision.allowed) return decision;
      if (decision.retryAfterMs > maxWaitMs) throw this.#refused(limit, decision, options.by);
    } else {
      const answer = this.#store.decide(limit, key, 0);
      const look = answer instanceof Promise ? await answer : answer;
      const turnMs = turnInMs(limit, look, queue.costAhead(options) + cost);
      if (turnMs > maxWaitMs) throw this.#refused(limit, { ...look, retryAfterMs: turnMs }, options.by);
    }
    if (this.#waiters >= this.#maxWaiters) {
      const full = refusal({
        code: "QUEUE_FULL",
        message: `limit ${name}: ${this.#waiters} callers wait already; raise maxWaiters or slow down`,
        details: { limit: name },
      });
      const victim = this.#queues.get(id)?.victim(this.#drop, options.priority);
      if (!victim) throw full;
      victim.fail(full);
    }
    return this.#wait(limit, key, id, { ...options, cost, maxWaitMs });
  }

  /**
   * The plan's signature: `limit` calls per `window` (`500ms`, `30s`, `1m`, `1h`, `1d` or milliseconds), with a burst of
   * `limit`. Each (limit, window) pair has buckets of its own.
   *
   * @returns `resetTime`, if denied: when to ask again, ms since the epoch
   * @throws IntegrationError `INVALID_INPUT` naming a bad limit or window
   */
  async checkLimit(
    key: string,
    limit: number,
    window: string | number,
  ): Promise<{ allowed: boolean; resetTime?: number }> {
    const resolved = this.#adHocLimit(limit, parseWindowMs(window, "checkLimit: window"));
    const { allowed, retryAfterMs } = this.#told(resolved, await this.#store.decide(resolved, boundedKey(key), 1));
    return allowed ? { allowed } : { allowed, resetTime: this.#clock.wallNow() + retryAfterMs };
  }

  #wait(
    limit: ResolvedLimit,
    key: string,
    id: string,
    options: AcquireOptions & { cost: number; maxWaitMs: number },
  ): Promise<Decision> {
    const { signal } = options;
    const startedAt = this.#clock.now();
    return new Promise<Decision>((resolve, reject) => {
      if (signal?.aborted) return reject(abortReason(limit, signal));
      const queue = this.#queues.get(id) ?? new TurnQueue(limit, key, this.#store, this.#clock);
      this.#queues.set(id, queue);
      this.#waiters += 1;

      let expiry: TimerHandle | undefined;
      const onAbort = () => waiter.fail(abortReason(limit, signal as AbortSignal));
      const settle = () => {
        expiry?.cancel();
        signal?.removeEventListener("abort", onAbort);
        this.#waiters -= 1;
        queue.leave(waiter);
        if (queue.size === 0) this.#queues.delete(id);
      };
      const waiter: Waiter = {
        cost: options.cost,
        admit: (decision) => {
          settle();
          this.#heard?.hear(limit, key, decision);
          const waitedMs = this.#clock.now() - startedAt;
          this.#events?.emit("limit.waited", { ...callIds(options.by), limit: limit.name, waitedMs });
          resolve(decision);
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      // Its turn was foreseen in time; this catches those whom `check` overtook. A turn that comes just now still counts.
      const expire = () => {
        queue.serve();
        if (queue.has(waiter)) waiter.fail(this.#refused(limit, { retryAfterMs: msPerToken(limit) }, options.by));
      };
      if (options.maxWaitMs < MAX_TIMER_MS) expiry = this.#clock.setTimer(expire, options.maxWaitMs);
      queue.join(waiter, options);
    });
  }

  #limit(name: string): ResolvedLimit {
    // One limit is asked many times on end: comparing its name is cheaper than looking it up.
    if (name === this.#last?.name) return this.#last;
    const limit = this.#limits.get(name);
    if (limit) return (this.#last = limit);
    const known = [...this.#limits.keys()].join(", ") || "none";
    throw invalid(`there is no limit named ${JSON.stringify(name)}; known limits: ${known}`);
  }

  #adHocLimit(requests: number, windowMs: number): ResolvedLimit {
    const name = `${requests} per ${windowMs} ms`;
    const known = this.#adHoc.get(name);
    if (known) return known;
    const check = new OptionCheck("RateLimiter.checkLimit");
    checkLimitOptions(check, "limit", { requests, windowMs });
    if (this.#adHoc.size >= MAX_AD_HOC_LIMITS)
      check.problem(`more than ${MAX_AD_HOC_LIMITS} different limits in use; name them in the constructor's limits`);
    check.throwIfAny();
    const limit = resolveLimit(name, { requests, windowMs });
    this.#adHoc.set(name, limit);
    return limit;
  }

  #told(limit: ResolvedLimit, decision: Decision, key?: string, by?: OnBehalfOf): Decision {
    if (key !== undefined) this.#heard?.hear(limit, boundedKey(key), decision);
    if (!decision.allowed) this.#tellRefusal(limit, decision.retryAfterMs, by);
    return decision;
  }

  #refused(limit: ResolvedLimit, why: Refused, by: OnBehalfOf | undefined): IntegrationError {
    this.#tellRefusal(limit, why.retryAfterMs, by);
    return rateLimited(limit.name, why);
  }

  #tellRefusal({ name: limit }: ResolvedLimit, retryAfterMs: number, by: OnBehalfOf | undefined): void {
    this.#events?.emit("limit.refused", { ...callIds(by), limit, retryAfterMs });
  }
}

function costOf(limit: ResolvedLimit, options: CheckOptions | undefined): number {
  const cost = options?.cost;
  // A limit's burst is never less than one.
  if (cost === undefined) return 1;
  if (Number.isInteger(cost) && cost >= 0 && cost <= limit.burst) return cost;
  throw invalid(
    `limit ${limit.name}: cost must be a whole number from 0 to its burst of ${limit.burst}, or it could never be admitted, got ${cost}`,
  );
}

function abortReason(limit: ResolvedLimit, signal: AbortSignal): unknown {
  if (IntegrationError.isInstance(signal.reason)) return signal.reason;
  return refusal({
    code: "ABORTED",
    message: `limit ${limit.name}: the caller stopped waiting`,
    cause: signal.reason,
  });
}

function invalid(message: string): IntegrationError {
  return new IntegrationError({ code: "INVALID_INPUT", message });
}
