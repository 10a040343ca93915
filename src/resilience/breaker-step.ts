import { type Random } from "../core/index.ts";
import { type OutcomeCounts } from "./outcome-window.ts";

/**
 * The circuit breaker as pure transitions: no clock, no timer, no window of its own. `round` numbers the phases: what
 * was admitted in one phase does not count in a later one. `opens` counts the breaks since the service was last healthy.
 */
export type BreakerState =
  | { readonly kind: "closed"; readonly round: number; readonly since: number; readonly opens: number }
  | Ramping
  | {
      readonly kind: "open";
      readonly round: number;
      readonly since: number;
      readonly until: number;
      readonly opens: number;
    }
  | HalfOpen
  | { readonly kind: "isolated"; readonly round: number };

export interface HalfOpen {
  readonly kind: "half-open";
  readonly round: number;
  readonly since: number;
  readonly opens: number;
  readonly inFlight: number;
  readonly successes: number;
}

/** The probes have passed; a growing share of the calls is let through. `credit` carries the share from call to call. */
export interface Ramping {
  readonly kind: "ramping";
  readonly round: number;
  readonly since: number;
  readonly opens: number;
  readonly credit: number;
}

/** `ignored`: says nothing about the service (the caller's abort, our own refusal); gives the permit back. */
export type Outcome = "success" | "failure" | "ignored";

export interface BreakerSettings {
  readonly failureRatio: number;
  readonly minimumCalls: number;
  readonly windowMs: number;
  /** Infinity: no bound by number. */
  readonly windowCalls: number;
  readonly slowCallMs: number;
  readonly slowRatio: number;
  readonly halfOpenPermits: number;
  readonly rampMs: number;
  readonly breakMs: number;
  readonly maxBreakMs: number;
  readonly healthyMs: number;
  readonly isFailure: ((error: unknown) => boolean | undefined) | undefined;
}

export const CLOSED: BreakerState = { kind: "closed", round: 0, since: 0, opens: 0 };

/** What a ramp begins with; a power of two, so that shares add up exactly. */
const LEAST_SHARE = 1 / 8;

/** Asks to let one call through. */
export function admit(state: BreakerState, now: number, settings: BreakerSettings): [BreakerState, admitted: boolean] {
  switch (state.kind) {
    case "closed":
      return [state, true];
    case "isolated":
      return [state, false];
    case "ramping":
      return ramp(state, now, settings);
    case "open":
      // A clock that stands before the break's begin was set back; the break must not last until it has caught up.
      return now < state.until && now >= state.since ? [state, false] : [firstProbe(state, now), true];
    case "half-open":
      if (state.inFlight + state.successes < settings.halfOpenPermits)
        return [{ ...state, inFlight: state.inFlight + 1 }, true];
      return isStale(state, now, settings) ? [firstProbe(state, now), true] : [state, false];
    default:
      return state satisfies never;
  }
}

/** Books the outcome of a call that was admitted in this state's round. `counts` already include it. */
export function settle(
  state: BreakerState,
  outcome: Outcome,
  counts: OutcomeCounts,
  now: number,
  settings: BreakerSettings,
  random: Random,
): BreakerState {
  switch (state.kind) {
    case "closed":
    case "ramping": {
      if (outcome === "ignored" || !tripReason(counts, settings)) return state;
      const healthy = state.kind === "closed" && now - state.since >= settings.healthyMs;
      return open(state, healthy ? 1 : state.opens + 1, now, settings, random);
    }
    case "half-open":
      if (outcome === "failure") return open(state, state.opens + 1, now, settings, random);
      if (outcome === "ignored") return { ...state, inFlight: state.inFlight - 1 };
      return state.successes + 1 >= settings.halfOpenPermits
        ? recover(state, now, settings)
        : { ...state, inFlight: state.inFlight - 1, successes: state.successes + 1 };
    case "open":
    case "isolated":
      return state;
    default:
      return state satisfies never;
  }
}

/** Lets calls through again, all of them or a growing share. */
export function recover(
  { round, opens }: { readonly round: number; readonly opens: number },
  now: number,
  { rampMs }: BreakerSettings,
): BreakerState {
  const begun = { round: round + 1, since: now, opens };
  return rampMs > 0 ? { kind: "ramping", ...begun, credit: 1 } : { kind: "closed", ...begun };
}

/** Probes that never came back must not keep the circuit shut for ever. */
export function isStale(state: HalfOpen, now: number, { maxBreakMs }: BreakerSettings): boolean {
  return now - state.since >= maxBreakMs || now < state.since;
}

/** Why a closed circuit would open now; undefined if it stays closed. */
export function tripReason({ calls, failures, slow }: OutcomeCounts, settings: BreakerSettings): string | undefined {
  if (calls < settings.minimumCalls) return undefined;
  if (failures >= settings.failureRatio * calls) return `${failures} of ${calls} calls failed`;
  if (slow >= settings.slowRatio * calls) return `${slow} of ${calls} calls took longer than ${settings.slowCallMs} ms`;
  return undefined;
}

/** Each call brings its share; as soon as they make a whole, one goes through. Even, and exact without chance. */
function ramp(state: Ramping, now: number, { rampMs }: BreakerSettings): [BreakerState, admitted: boolean] {
  const elapsedMs = now - state.since;
  const { round, since, opens } = state;
  if (elapsedMs >= rampMs || elapsedMs < 0) return [{ kind: "closed", round, since, opens }, true];
  const credit = state.credit + Math.max(LEAST_SHARE, elapsedMs / rampMs);
  return credit >= 1 ? [{ ...state, credit: credit - 1 }, true] : [{ ...state, credit }, false];
}

function firstProbe(state: { round: number; opens: number }, now: number): BreakerState {
  return { kind: "half-open", round: state.round + 1, since: now, opens: state.opens, inFlight: 1, successes: 0 };
}

/** Doubles the break from one to the next; jitter (down by up to a fifth) keeps a fleet from probing in step. */
function open(
  state: BreakerState,
  opens: number,
  now: number,
  settings: BreakerSettings,
  random: Random,
): BreakerState {
  const breakMs = Math.min(settings.maxBreakMs, settings.breakMs * 2 ** (opens - 1)) * (1 - 0.2 * random.next());
  return { kind: "open", round: state.round + 1, since: now, until: now + breakMs, opens };
}
