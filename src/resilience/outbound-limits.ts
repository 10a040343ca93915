import {
  type Clock,
  type EventBus,
  type FetchLike,
  type IntegrationError,
  MAX_SERVER_HINT_MS,
  sleep,
  systemClock,
  OptionCheck,
} from "../core/index.ts";
import {
  isRestrained,
  type LearnedLimit,
  learnedLimit,
  newOutboundState,
  outboundObserve,
  type OutboundReason,
  type OutboundState,
  outboundStep,
} from "./outbound-step.ts";
import { type HeaderReader, type RateLimitHints, readRateLimitHints } from "./rate-limit-hints.ts";
import { asLate, refusal } from "./refusal.ts";

export interface OutboundLimitsOptions {
  /** Longest pause that a service can talk us into, ms, 1 to a day. @defaultValue an hour */
  readonly maxPauseMs?: number;
  readonly clock?: Clock;
  /** Told of `limit.learned`. */
  readonly events?: EventBus;
}

/** What is known of an answer. Give the headers, or at least the hint that was read from them. */
export interface OutboundAnswer {
  /** 429, and 503 with a `Retry-After`, mean that there were too many requests. */
  readonly status: number;
  readonly headers?: { get(name: string): string | null };
  readonly retryAfterMs?: number;
  /** When the request left, on the same clock. @defaultValue now */
  readonly sentAt?: number;
}

export interface OutboundDecision {
  readonly allowed: boolean;
  /** 0 if allowed. */
  readonly retryAfterMs: number;
  /** What holds the request back: a pause that was asked for, a quota that is used up, or the pace that was learned. */
  readonly reason?: OutboundReason;
}

export interface OutboundWait {
  /** ms. @defaultValue 30,000 */
  readonly maxWaitMs?: number;
  readonly signal?: AbortSignal;
}

const DEFAULT_MAX_PAUSE_MS = 3_600_000;
const DEFAULT_MAX_WAIT_MS = 30_000;
/** Services come from code, so a few dozen are usual. */
const MAX_SERVICES = 1_000;

/**
 * Limits of outgoing requests that nobody has to configure: learned from `RateLimit`, `X-RateLimit-*`, `Retry-After` and
 * from "too many requests", followed so that the next one is not sent in vain, and unlearned when the service allows
 * more. A service that never limits us costs a lookup.
 *
 * @example
 * const outbound = new OutboundLimits();
 * const fetchMaps = outbound.guard("maps", fetch); // refuses with RATE_LIMITED what the service would refuse
 */
export class OutboundLimits {
  readonly #maxPauseMs: number;
  readonly #clock: Clock;
  readonly #events: EventBus | undefined;
  readonly #states = new Map<string, OutboundState>();
  /** Those that are worth asking for. */
  readonly #restrained = new Set<string>();

  /** @throws IntegrationError `INVALID_INPUT` */
  constructor(options: OutboundLimitsOptions = {}) {
    const check = new OptionCheck("OutboundLimits");
    check.number("maxPauseMs", options.maxPauseMs, { min: 1, max: MAX_SERVER_HINT_MS });
    check.throwIfAny();
    this.#maxPauseMs = options.maxPauseMs ?? DEFAULT_MAX_PAUSE_MS;
    this.#clock = options.clock ?? systemClock;
    this.#events = options.events;
  }

  /** Asks whether a request may leave now; if so, it is counted. */
  check(service: string): OutboundDecision {
    const state = this.#states.get(service);
    if (!state) return { allowed: true, retryAfterMs: 0 };
    const [next, waitMs, reason] = outboundStep(state, this.#clock.now());
    this.#keep(service, next);
    return reason === undefined
      ? { allowed: true, retryAfterMs: 0 }
      : { allowed: false, retryAfterMs: Math.ceil(waitMs), reason };
  }

  /**
   * Waits until a request may leave.
   *
   * @throws IntegrationError `RATE_LIMITED` at once if that takes longer than `maxWaitMs`; the signal's reason
   */
  async acquire(service: string, { maxWaitMs = DEFAULT_MAX_WAIT_MS, signal }: OutboundWait = {}): Promise<void> {
    const until = this.#clock.now() + maxWaitMs;
    for (;;) {
      signal?.throwIfAborted();
      const decision = this.check(service);
      if (decision.allowed) return;
      if (this.#clock.now() + decision.retryAfterMs > until) throw refused(service, decision);
      await sleep(Math.max(1, decision.retryAfterMs), this.#clock, signal);
    }
  }

  /** Takes in what an answer tells about the service's limits. */
  observe(service: string, answer: OutboundAnswer): void {
    const now = this.#clock.now();
    const header: HeaderReader = (name) => answer.headers?.get(name);
    const read = readRateLimitHints(header, this.#clock.wallNow());
    const given = answer.retryAfterMs !== undefined && answer.retryAfterMs >= 0 ? answer.retryAfterMs : undefined;
    const hints: RateLimitHints = given === undefined ? read : { ...read, retryAfterMs: given };
    const throttled = answer.status === 429 || (answer.status === 503 && hints.retryAfterMs !== undefined);
    const known = this.#states.get(service);
    if (!known && this.#states.size >= MAX_SERVICES) return;
    const observed = { throttled, hints, sentAt: answer.sentAt ?? now };
    const next = outboundObserve(known ?? newOutboundState(now), now, observed, this.#maxPauseMs);
    this.#keep(service, next);
    if (throttled && this.#events?.has("limit.learned")) this.#tell(service, next, now);
  }

  /** Nobody is held back now: nothing has to be asked. */
  get idle(): boolean {
    return this.#restrained.size === 0;
  }

  /** What was learned about a service. Undefined: it never answered. */
  describe(service: string): OutboundState | undefined {
    return this.#states.get(service);
  }

  /** What is learned now, by service or quota; those that hold nothing back are left out. Plain data. */
  learned(): Record<string, LearnedLimit> {
    const now = this.#clock.now();
    return Object.fromEntries([...this.#restrained].map((name) => [name, learnedLimit(this.#states.get(name)!, now)]));
  }

  /**
   * A `fetch` that refuses what the service would refuse, and learns from every answer.
   *
   * The refusal is an IntegrationError `RATE_LIMITED` with `retryAfterMs`; nothing has left then.
   */
  guard(service: string, fetch: FetchLike): FetchLike {
    return async (input, init) => {
      const decision = this.check(service);
      if (!decision.allowed) throw refused(service, decision);
      const sentAt = this.#clock.now();
      const response = await fetch(input, init);
      this.observe(service, { status: response.status, headers: response.headers, sentAt });
      return response;
    };
  }

  /**
   * The `fetch` of a client whose calls a pipeline with these limits runs: the pipeline counts its attempts and lets
   * them wait, here every answer is learned from, and what got past it before a pause was known is refused with
   * `RATE_LIMITED`, upon which the pipeline waits for the pause's end as if the service had said so.
   *
   * @param quotaOf the quota that a request draws on, as `CallSpec.quota` names it; undefined: none
   */
  learn(fetch: FetchLike, quotaOf: (url: string) => string | undefined): FetchLike {
    return async (input, init) => {
      const quota = quotaOf(String(input));
      if (quota === undefined) return fetch(input, init);
      const sentAt = this.#clock.now();
      const pauseMs = Math.ceil((this.#states.get(quota)?.pausedUntil ?? 0) - sentAt);
      if (pauseMs > 0) throw asLate(refused(quota, { retryAfterMs: pauseMs, reason: "retry-after" }));
      const response = await fetch(input, init);
      this.observe(quota, { status: response.status, headers: response.headers, sentAt });
      return response;
    };
  }

  #keep(service: string, state: OutboundState): void {
    this.#states.set(service, state);
    if (isRestrained(state, this.#clock.now())) this.#restrained.add(service);
    else this.#restrained.delete(service);
  }

  #tell(service: string, { pausedUntil, pace }: OutboundState, now: number): void {
    this.#events?.emit("limit.learned", {
      service,
      pauseMs: Math.max(0, pausedUntil - now),
      ...(pace && { requestsPerSecond: pace.perSecond }),
    });
  }
}

function refused(service: string, { retryAfterMs, reason }: Omit<OutboundDecision, "allowed">): IntegrationError {
  return refusal({
    code: "RATE_LIMITED",
    message: `${service} takes no more requests now (${reason}); try again in ${retryAfterMs} ms`,
    // A quota is named after its service.
    service: service.split(".", 1)[0],
    retryAfterMs,
    notSent: true,
    details: { reason },
  });
}
