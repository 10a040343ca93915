import { type Random } from "../core/index.ts";
import { type OutcomeCounts } from "./outcome-window.ts";

/**
 * The circuit breaker as pure transitions: no clock, no timer, no window of its own. `round` numbers the phases: what
 * was admitted in one phase does not count in a later one.
 */
export type BreakerState =
  | { readonly kind: "closed"; readonly round: number }
  | { readonly kind: "open"; readonly round: number; readonly until: number; readonly opens: number }
  | {
      readonly kind: "half-open";
      readonly round: number;
      readonly since: number;
      readonly opens: number;
      readonly inFlight: number;
      readonly successes: number;
    }
  | { readonly kind: "isolated"; readonly round: number };

/** `ignored`: says nothing about the service (the caller's abort, our own refusal); gives the permit back. */
export type Outcome = "success" | "failure" | "ignored";

export interface BreakerSettings {
  readonly failureRatio: number;
  readonly minimumCalls: number;
  readonly windowMs: number;
  readonly slowCallMs: number;
  readonly slowRatio: number;
  readonly halfOpenPermits: number;
  readonly breakMs: number;
  readonly maxBreakMs: number;
}

export const CLOSED: BreakerState = { kind: "closed", round: 0 };

/** Asks to let one call through. */
export function admit(state: BreakerState, now: number, settings: BreakerSettings): [BreakerState, admitted: boolean] {
  switch (state.kind) {
    case "closed":
      return [state, true];
    case "isolated":
      return [state, false];
    case "open":
      return now < state.until ? [state, false] : [firstProbe(state, now), true];
    case "half-open":
      if (state.inFlight + state.successes < settings.halfOpenPermits)
        return [{ ...state, inFlight: state.inFlight + 1 }, true];
      // Probes that never came back must not keep the circuit shut for ever.
      return now - state.since < settings.maxBreakMs ? [state, false] : [firstProbe(state, now), true];
    default:
      return state satisfies never;
  }
}

/** Books the outcome of a call that was admitted in `round`. `counts` already include it. */
export function settle(
  state: BreakerState,
  round: number,
  outcome: Outcome,
  counts: OutcomeCounts,
  now: number,
  settings: BreakerSettings,
  random: Random,
): BreakerState {
  if (round !== state.round) return state;
  switch (state.kind) {
    case "closed":
      return outcome !== "ignored" && tripReason(counts, settings) ? open(state, 1, now, settings, random) : state;
    case "half-open":
      if (outcome === "failure") return open(state, state.opens + 1, now, settings, random);
      if (outcome === "ignored") return { ...state, inFlight: state.inFlight - 1 };
      return state.successes + 1 >= settings.halfOpenPermits
        ? { kind: "closed", round: round + 1 }
        : { ...state, inFlight: state.inFlight - 1, successes: state.successes + 1 };
    case "open":
    case "isolated":
      return state;
    default:
      return state satisfies never;
  }
}

/** Why a closed circuit would open now; undefined if it stays closed. */
export function tripReason({ calls, failures, slow }: OutcomeCounts, settings: BreakerSettings): string | undefined {
  if (calls < settings.minimumCalls) return undefined;
  if (failures >= settings.failureRatio * calls) return `${failures} of ${calls} calls failed`;
  if (slow >= settings.slowRatio * calls) return `${slow} of ${calls} calls took longer than ${settings.slowCallMs} ms`;
  return undefined;
}

function firstProbe(state: { round: number; opens: number }, now: number): BreakerState {
  return { kind: "half-open", round: state.round + 1, since: now, opens: state.opens, inFlight: 1, successes: 0 };
}

/** Doubles the break with each failed probe; jitter (down by up to a fifth) keeps a fleet from probing in step. */
function open(
  state: BreakerState,
  opens: number,
  now: number,
  settings: BreakerSettings,
  random: Random,
): BreakerState {
  const breakMs = Math.min(settings.maxBreakMs, settings.breakMs * 2 ** (opens - 1)) * (1 - 0.2 * random.next());
  return { kind: "open", round: state.round + 1, until: now + breakMs, opens };
}
