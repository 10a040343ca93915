import {
  type Clock,
  type IntegrationError,
  type IntegrationEvents,
  type Random,
  systemClock,
  systemRandom,
} from "../core/index.ts";
import {
  type BreakerEventName,
  type BreakerListener,
  type BreakerSnapshot,
  checkSnapshot,
  type CircuitBreakerOptions,
  type CircuitState,
  resolveBreaker,
} from "./breaker-options.ts";
import { outcomeOf } from "./breaker-outcome.ts";
import {
  admit,
  type BreakerSettings,
  type BreakerState,
  CLOSED,
  type Outcome,
  settle,
  tripReason,
} from "./breaker-step.ts";
import { OutcomeWindow } from "./outcome-window.ts";
import { refusal } from "./refusal.ts";

/** What {@link CircuitBreaker.enter} returns instead of a permit. */
export const REFUSED = -1;

/**
 * Stops calling a service that fails, and probes it until it works again. No timer: time passes when somebody asks.
 *
 * @example
 * const breaker = new CircuitBreaker({ service: "geocoder" });
 * const place = await breaker.run(() => geocode(address));
 */
export class CircuitBreaker {
  readonly settings: BreakerSettings;
  readonly #service: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onEvent: BreakerListener | undefined;
  readonly #window: OutcomeWindow;
  #state: BreakerState = CLOSED;

  /** @throws IntegrationError `INVALID_INPUT` naming every bad option */
  constructor(options: CircuitBreakerOptions = {}) {
    this.settings = resolveBreaker(options, "CircuitBreaker");
    this.#service = options.service ?? "service";
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#onEvent = options.onEvent;
    this.#window = new OutcomeWindow(this.settings.windowMs);
  }

  /** `half-open` as soon as a probe would be let through. */
  get state(): CircuitState {
    const { kind } = this.#state;
    return kind === "open" && this.allows() ? "half-open" : kind;
  }

  /** Would a call be let through now? Takes no permit. */
  allows(): boolean {
    return admit(this.#state, this.#clock.now(), this.settings)[1];
  }

  /**
   * Runs `fn` unless the circuit is open, and learns from its outcome.
   *
   * @throws IntegrationError `CIRCUIT_OPEN` with `retryAfterMs`; otherwise whatever `fn` throws
   */
  async run<T>(fn: () => Promise<T>): Promise<T> {
    const startedAt = this.#clock.now();
    const permit = this.enter(startedAt);
    if (permit === REFUSED) throw this.refusal(startedAt);
    let outcome: Outcome = "ignored";
    try {
      const value = await fn();
      outcome = "success";
      return value;
    } catch (thrown) {
      outcome = outcomeOf(thrown);
      throw thrown;
    } finally {
      const now = this.#clock.now();
      this.leave(permit, outcome, now, now - startedAt);
    }
  }

  /** Takes a permit, to be given back by {@link leave}; {@link REFUSED} if there is none. For callers that keep time. */
  enter(now: number): number {
    if (this.#state.kind === "closed") return this.#state.round;
    const [next, admitted] = admit(this.#state, now, this.settings);
    if (!admitted) return REFUSED;
    const probing = next.round !== this.#state.round;
    this.#state = next;
    if (probing) this.#tell("circuit.half_opened", { service: this.#service });
    return next.round;
  }

  /** Gives a permit back with what the call showed. */
  leave(permit: number, outcome: Outcome, now: number, durationMs: number): void {
    const slow = durationMs > this.settings.slowCallMs;
    if (outcome !== "ignored" && permit === this.#state.round && this.#state.kind === "closed")
      this.#window.record(now, outcome === "failure", slow);
    // A probe that answers too slowly is no proof of health.
    const seen = outcome === "success" && slow && this.#state.kind === "half-open" ? "failure" : outcome;
    const before = this.#state;
    this.#state = settle(before, permit, seen, this.#window, now, this.settings, this.#random);
    if (this.#state.kind !== before.kind) this.#changed(before, now);
  }

  /** The error for a call that was not let through. */
  refusal(now: number): IntegrationError {
    const state = this.#state;
    const retryAfterMs = state.kind === "open" ? Math.max(1, Math.ceil(state.until - now)) : this.settings.breakMs;
    const isolated = state.kind === "isolated";
    const hint = isolated ? "it was isolated by hand; close() lets calls through" : `try again in ${retryAfterMs} ms`;
    return refusal({
      code: "CIRCUIT_OPEN",
      message: `${this.#service}: the circuit is ${isolated ? "isolated" : "open"}; ${hint}`,
      service: this.#service,
      retryAfterMs: isolated ? undefined : retryAfterMs,
    });
  }

  /** Lets nothing through until {@link close} is called. */
  isolate(): void {
    if (this.#state.kind === "isolated") return;
    this.#state = { kind: "isolated", round: this.#state.round + 1 };
    this.#tell("circuit.opened", { service: this.#service, reason: "isolated by hand", breakMs: Infinity });
  }

  /** Lets everything through and forgets what was counted. */
  close(): void {
    const wasClosed = this.#state.kind === "closed";
    this.#state = { kind: "closed", round: this.#state.round + 1 };
    this.#window.clear();
    if (!wasClosed) this.#tell("circuit.closed", { service: this.#service });
  }

  snapshot(): BreakerSnapshot {
    const now = this.#clock.now();
    const state = this.#state;
    return {
      state: state.kind,
      at: this.#clock.wallNow(),
      remainingMs: state.kind === "open" ? Math.max(0, state.until - now) : 0,
      opens: "opens" in state ? state.opens : 0,
      window: this.#window.slices(now),
    };
  }

  /**
   * Goes on where a {@link snapshot} left off, the time between included. A half-open one comes back open and due, as
   * its probes are not ours.
   *
   * @throws IntegrationError `INVALID_INPUT` if it is not a snapshot
   */
  restore(snapshot: BreakerSnapshot): void {
    checkSnapshot(snapshot);
    const now = this.#clock.now();
    const elapsedMs = Math.max(0, this.#clock.wallNow() - snapshot.at);
    const round = this.#state.round + 1;
    const remainingMs = Math.min(snapshot.remainingMs, this.settings.maxBreakMs) - elapsedMs;
    if (snapshot.state === "closed" || snapshot.state === "isolated") this.#state = { kind: snapshot.state, round };
    else
      this.#state = { kind: "open", round, until: now + Math.max(0, remainingMs), opens: Math.max(1, snapshot.opens) };
    this.#window.restore(
      snapshot.window.map((slice) => ({ ...slice, ageMs: slice.ageMs + elapsedMs })),
      now,
    );
  }

  #changed(before: BreakerState, now: number): void {
    const state = this.#state;
    if (state.kind === "open") {
      const reason = before.kind === "closed" ? tripReason(this.#window, this.settings) : "a probe failed";
      this.#tell("circuit.opened", { service: this.#service, reason: reason ?? "", breakMs: state.until - now });
    } else {
      this.#window.clear();
      this.#tell("circuit.closed", { service: this.#service });
    }
  }

  #tell<N extends BreakerEventName>(name: N, event: IntegrationEvents[N]): void {
    try {
      this.#onEvent?.(name, event);
    } catch {
      // A listener can neither delay nor change a call.
    }
  }
}
