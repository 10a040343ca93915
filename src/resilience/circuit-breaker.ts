import {
  type Circuit,
  circuitName,
  type Clock,
  IntegrationError,
  type IntegrationEvents,
  type Random,
  systemClock,
  systemRandom,
} from "../core/index.ts";
import {
  type BreakerEventName,
  type BreakerListener,
  type BreakerSnapshot,
  type CircuitBreakerOptions,
  type CircuitState,
  resolveBreaker,
} from "./breaker-options.ts";
import { outcomeOf } from "./breaker-outcome.ts";
import { checkSnapshot, stateFrom, stateName, takeSnapshot } from "./breaker-snapshot.ts";
import {
  admit,
  type BreakerSettings,
  type BreakerState,
  CLOSED,
  isStale,
  type Outcome,
  recover,
  settle,
  tripReason,
} from "./breaker-step.ts";
import { CountWindow } from "./count-window.ts";
import { type BreakerLink, type SharedCircuit } from "./fleet/breaker-link.ts";
import { type OutcomeWindow, TimeWindow } from "./outcome-window.ts";
import { refusal } from "./refusal.ts";

/** What {@link CircuitBreaker.enter} returns instead of a permit. */
export const REFUSED = -1;

const DAY_MS = 86_400_000;

/**
 * Stops calling a service that fails, and probes it until it works again. No timer: time passes when somebody asks.
 *
 * @example
 * const breaker = new CircuitBreaker({ service: "geocoder" });
 * const place = await breaker.run(() => geocode(address));
 */
export class CircuitBreaker {
  readonly settings: BreakerSettings;
  readonly service: string;
  /** What fleets know it by: `supabase.storage`, or the service alone. */
  readonly name: string;
  readonly #circuit: Circuit;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onEvent: BreakerListener | undefined;
  readonly #window: OutcomeWindow;
  #state: BreakerState = CLOSED;
  #link: BreakerLink | undefined = undefined;

  /** @throws IntegrationError `INVALID_INPUT` naming every bad option */
  constructor(options: CircuitBreakerOptions = {}) {
    this.settings = resolveBreaker(options, "CircuitBreaker");
    const { service = "service", part } = options;
    this.service = service;
    this.name = circuitName(service, part);
    this.#circuit = part === undefined ? { service } : { service, part };
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#onEvent = options.onEvent;
    const { windowCalls, windowMs } = this.settings;
    this.#window = windowCalls === Infinity ? new TimeWindow(windowMs) : new CountWindow(windowCalls, windowMs);
  }

  /** `half-open` as soon as a probe is due, `closed` as soon as nothing is held back any more. */
  get state(): CircuitState {
    const [next, admitted] = admit(this.#state, this.#clock.now(), this.settings);
    return stateName(admitted ? next : this.#state);
  }

  /** By hand, here or in another process of the fleet. */
  get isIsolated(): boolean {
    return this.#state.kind === "isolated";
  }

  /** Would a call be let through now? Takes no permit. */
  allows(): boolean {
    const now = this.#clock.now();
    const [next, admitted] = admit(this.#state, now, this.settings);
    return admitted && this.#agreed(next, now);
  }

  /**
   * Runs `fn` unless the circuit is open, and learns from its outcome.
   *
   * @throws IntegrationError `CIRCUIT_OPEN` with `retryAfterMs`; otherwise whatever `fn` throws
   */
  run<T>(fn: () => Promise<T>): Promise<T> {
    const startedAt = this.#clock.now();
    const permit = this.enter(startedAt);
    // Without an async frame, which a refusal would pay twice for.
    return permit === REFUSED ? Promise.reject(this.refusal(startedAt)) : this.#observe(fn, permit, startedAt);
  }

  /** Takes a permit, to be given back by {@link leave}; {@link REFUSED} if there is none. For callers that keep time. */
  enter(now: number): number {
    const state = this.#state;
    if (state.kind === "closed") return state.round;
    const [next, admitted] = admit(state, now, this.settings);
    if (admitted && !this.#agreed(next, now)) return REFUSED;
    if (next !== state) this.#become(next, now);
    return admitted ? next.round : REFUSED;
  }

  /** Gives a permit back with what the call showed. */
  leave(permit: number, outcome: Outcome, now: number, durationMs: number): void {
    const state = this.#state;
    if (permit !== state.round) return; // Late news of an earlier phase.
    const slow = durationMs > this.settings.slowCallMs;
    const probing = state.kind === "half-open";
    if (outcome !== "ignored" && !probing) this.#window.record(now, outcome === "failure", slow);
    // A probe that answers too slowly is no proof of health.
    const seen = probing && slow && outcome === "success" ? "failure" : outcome;
    const next = settle(state, seen, this.#window, now, this.settings, this.#random);
    if (next === state) return;
    const reason = probing ? "a probe failed" : (tripReason(this.#window, this.settings) ?? "");
    this.#become(next, now, reason);
    if (next.kind !== "half-open") this.#link?.changed(false);
  }

  /** What a failed call says about the service, {@link BreakerOptions.isFailure} asked first. */
  judge(thrown: unknown): Outcome {
    return outcomeOf(thrown, this.settings.isFailure);
  }

  /** The error for a call that was not let through. */
  refusal(now: number): IntegrationError {
    const { message, retryAfterMs } = this.#whyRefused(now);
    const { service, name } = this;
    return refusal({ code: "CIRCUIT_OPEN", message: `${name}: ${message}`, service, retryAfterMs });
  }

  /** Lets nothing through until {@link close} is called. */
  isolate(): void {
    if (this.#state.kind === "isolated") return;
    this.#become({ kind: "isolated", round: this.#state.round + 1 }, this.#clock.now(), "isolated by hand");
    this.#link?.changed(true);
  }

  /** Lets everything through and forgets what was counted. */
  close(): void {
    const now = this.#clock.now();
    this.#window.clear();
    this.#become({ kind: "closed", round: this.#state.round + 1, since: now, opens: 0 }, now);
    this.#link?.changed(true);
  }

  snapshot(): BreakerSnapshot {
    const now = this.#clock.now();
    return takeSnapshot(this.#state, now, this.#clock.wallNow(), this.#window.slices(now));
  }

  /**
   * Goes on where a {@link snapshot} left off, the time between included. Of a half-open one the probes are not ours: it
   * comes back open and due.
   *
   * @throws IntegrationError `INVALID_INPUT` if it is not a snapshot
   */
  restore(snapshot: BreakerSnapshot): void {
    checkSnapshot(snapshot);
    const now = this.#clock.now();
    const elapsedMs = Math.max(0, this.#clock.wallNow() - snapshot.at);
    this.#state = stateFrom(snapshot, this.#state.round + 1, now, elapsedMs, this.settings);
    const window = snapshot.window.map((slice) => ({ ...slice, ageMs: slice.ageMs + elapsedMs }));
    this.#window.restore(window, now);
  }

  /**
   * Lets a fleet have its say; {@link FleetBreakers.join} calls it.
   *
   * @returns a function that ends it
   * @throws IntegrationError `INVALID_INPUT` if the breaker belongs to a fleet already
   */
  link(link: BreakerLink): () => void {
    if (this.#link)
      throw new IntegrationError({
        code: "INVALID_INPUT",
        message: `the breaker of ${this.name} belongs to a fleet already; leave that one first`,
      });
    this.#link = link;
    return () => {
      if (this.#link === link) this.#link = undefined;
    };
  }

  /** What a fleet is told. `probing`: calls are on their way whose outcome will decide. */
  share(): SharedCircuit & { readonly probing: boolean } {
    const now = this.#clock.now();
    const state = this.#state;
    return {
      state: state.kind === "ramping" ? "closed" : state.kind,
      remainingMs: state.kind === "open" ? Math.max(0, state.until - now) : 0,
      opens: state.kind === "isolated" ? 0 : state.opens,
      probing: state.kind === "half-open" && state.inFlight > 0 && !isStale(state, now, this.settings),
    };
  }

  /** Takes over what another process of the fleet has seen. Half-open: that one probes, and we wait. */
  adopt(shared: SharedCircuit): void {
    const now = this.#clock.now();
    const { kind, round } = this.#state;
    const opens = Math.max(1, shared.opens);
    if (shared.state === "isolated") {
      if (kind !== "isolated") this.#become({ kind: "isolated", round: round + 1 }, now, "isolated in another process");
    } else if (shared.state === "closed") {
      if (kind !== "closed" && kind !== "ramping") this.#become(recover({ round, opens }, now, this.settings), now);
    } else {
      const until = now + Math.min(shared.remainingMs, DAY_MS);
      const next = { kind: "open", since: now, until, opens } as const;
      if (kind === "open") this.#state = { ...next, round };
      else this.#become({ ...next, round: round + 1 }, now, "another process opened it");
    }
  }

  async #observe<T>(fn: () => Promise<T>, permit: number, startedAt: number): Promise<T> {
    let outcome: Outcome = "ignored";
    try {
      const value = await fn();
      outcome = "success";
      return value;
    } catch (thrown) {
      outcome = this.judge(thrown);
      throw thrown;
    } finally {
      const now = this.#clock.now();
      this.leave(permit, outcome, now, now - startedAt);
    }
  }

  /** A probe needs the fleet's consent. */
  #agreed(next: BreakerState, now: number): boolean {
    return next.kind !== "half-open" || this.#link === undefined || this.#link.mayProbe(now);
  }

  #become(next: BreakerState, now: number, reason = ""): void {
    const before = this.#state;
    const circuit = this.#circuit;
    this.#state = next;
    // What was counted before a break says nothing about the time after it.
    if (before.kind !== "ramping" && (next.kind === "closed" || next.kind === "ramping")) this.#window.clear();
    if (next.kind === "open") this.#tell("circuit.opened", { ...circuit, reason, breakMs: next.until - now });
    else if (next.kind === before.kind && next.round === before.round) return;
    else if (next.kind === "isolated") this.#tell("circuit.opened", { ...circuit, reason, breakMs: Infinity });
    else if (next.kind === "half-open") this.#tell("circuit.half_opened", circuit);
    else if (next.kind === "closed" && before.kind !== "closed") this.#tell("circuit.closed", circuit);
  }

  #whyRefused(now: number): { message: string; retryAfterMs: number | undefined } {
    const state = this.#state;
    const { breakMs, rampMs } = this.settings;
    if (state.kind === "isolated")
      return {
        message: "the circuit is isolated; it was isolated by hand; close() lets calls through",
        retryAfterMs: undefined,
      };
    const endsAt =
      state.kind === "open" ? state.until : state.kind === "ramping" ? state.since + rampMs : now + breakMs;
    const retryAfterMs = Math.max(1, Math.ceil(endsAt - now));
    const what = state.kind === "ramping" ? "closing again and lets only some calls through" : "open";
    return { message: `the circuit is ${what}; try again in ${retryAfterMs} ms`, retryAfterMs };
  }

  #tell<N extends BreakerEventName>(name: N, event: IntegrationEvents[N]): void {
    try {
      this.#onEvent?.(name, event);
    } catch {
      // A listener can neither delay nor change a call.
    }
  }
}
