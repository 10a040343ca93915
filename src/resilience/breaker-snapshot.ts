import { OptionCheck } from "../core/index.ts";
import { type BreakerSnapshot, type CircuitState } from "./breaker-options.ts";
import { type BreakerSettings, type BreakerState } from "./breaker-step.ts";
import { type OutcomeSlice } from "./outcome-window.ts";

export function stateName(state: BreakerState): CircuitState {
  return state.kind === "ramping" ? "half-open" : state.kind;
}

export function takeSnapshot(
  state: BreakerState,
  now: number,
  wallNow: number,
  window: readonly OutcomeSlice[],
): BreakerSnapshot {
  return {
    state: stateName(state),
    at: wallNow,
    remainingMs: state.kind === "open" ? Math.max(0, state.until - now) : 0,
    forMs: state.kind === "isolated" ? 0 : Math.max(0, now - state.since),
    ramping: state.kind === "ramping",
    opens: state.kind === "isolated" ? 0 : state.opens,
    window,
  };
}

/**
 * The state that a snapshot leads to, `elapsedMs` after it was taken. Half-open comes back open and due, as its probes
 * are not ours.
 */
export function stateFrom(
  snapshot: BreakerSnapshot,
  round: number,
  now: number,
  elapsedMs: number,
  { maxBreakMs }: BreakerSettings,
): BreakerState {
  const { state, opens } = snapshot;
  const since = now - elapsedMs - (snapshot.forMs ?? 0);
  if (state === "isolated") return { kind: state, round };
  if (state === "closed") return { kind: state, round, since, opens };
  if (snapshot.ramping) return { kind: "ramping", round, since, opens, credit: 0 };
  const remainingMs = Math.max(0, Math.min(snapshot.remainingMs, maxBreakMs) - elapsedMs);
  return { kind: "open", round, since: now, until: now + remainingMs, opens: Math.max(1, opens) };
}

/** @throws IntegrationError `INVALID_INPUT` naming everything that a snapshot could not have said */
export function checkSnapshot(value: unknown): void {
  const snapshot = recordOf(value);
  const check = new OptionCheck("CircuitBreaker.restore");
  const count = { min: 0, max: Number.MAX_SAFE_INTEGER };
  const calls = { min: 0, max: 1_000_000_000 };
  if (!["closed", "open", "half-open", "isolated"].includes(String(snapshot["state"])))
    check.problem("state is not a circuit state");
  for (const name of ["at", "remainingMs", "opens"]) check.number(name, snapshot[name] ?? NaN, count);
  // Snapshots of version 0.1 do not have it.
  check.number("forMs", snapshot["forMs"], count);
  const slices: unknown = snapshot["window"];
  if (!Array.isArray(slices)) check.problem("window must be a list");
  else
    for (const [index, slice] of slices.entries()) {
      check.number(`window[${index}].ageMs`, recordOf(slice)["ageMs"] ?? NaN, count);
      for (const name of ["calls", "failures", "slow"])
        check.number(`window[${index}].${name}`, recordOf(slice)[name] ?? NaN, calls);
    }
  check.throwIfAny();
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
