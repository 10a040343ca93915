import { type Clock, type IntegrationEvents, type Random } from "../core/index.ts";
import { type BreakerSettings } from "./breaker-step.ts";
import { OptionCheck } from "./check-options.ts";
import { type OutcomeSlice } from "./outcome-window.ts";

/** When to open, and for how long. */
export interface BreakerOptions {
  /** Share of failed calls that opens the circuit, above 0 to 1. @defaultValue 0.5 */
  readonly failureRatio?: number;
  /** Calls in the window before any ratio is believed, 1 to 1,000,000. @defaultValue 10 */
  readonly minimumCalls?: number;
  /** Outcomes older than this do not count, ms, 10 to a day. @defaultValue 30,000 */
  readonly windowMs?: number;
  /** A call that takes longer is slow, ms. @defaultValue Infinity: no call is */
  readonly slowCallMs?: number;
  /** Share of slow calls that opens the circuit, above 0 to 1. @defaultValue 1 */
  readonly slowRatio?: number;
  /** Probes at a time, and successes in a row, before the circuit closes again, 1 to 5. @defaultValue 3 */
  readonly halfOpenPermits?: number;
  /** First break, ms, 1 to a day. Doubles with each failed probe. @defaultValue 5,000 */
  readonly breakMs?: number;
  /** Longest break, ms, at least `breakMs`. @defaultValue 60,000 */
  readonly maxBreakMs?: number;
}

export type BreakerEventName = "circuit.opened" | "circuit.half_opened" | "circuit.closed";
export type BreakerListener = <N extends BreakerEventName>(name: N, event: IntegrationEvents[N]) => void;

export interface CircuitBreakerOptions extends BreakerOptions {
  /** Whose circuit it is; for errors and events. @defaultValue "service" */
  readonly service?: string;
  readonly clock?: Clock;
  /** For the jitter of the break time. */
  readonly random?: Random;
  /** Told of every change. What it throws is ignored. */
  readonly onEvent?: BreakerListener;
}

export type CircuitState = "closed" | "open" | "half-open" | "isolated";

/** Plain data that survives JSON and a change of process: times are relative, `at` is wall time. */
export interface BreakerSnapshot {
  readonly state: CircuitState;
  /** When it was taken, ms since the epoch. */
  readonly at: number;
  /** Until the next probe is allowed; 0 unless open. */
  readonly remainingMs: number;
  /** Breaks in a row. */
  readonly opens: number;
  readonly window: readonly OutcomeSlice[];
}

const DAY_MS = 86_400_000;
const DEFAULTS: BreakerSettings = {
  failureRatio: 0.5,
  minimumCalls: 10,
  windowMs: 30_000,
  slowCallMs: Infinity,
  slowRatio: 1,
  halfOpenPermits: 3,
  breakMs: 5_000,
  maxBreakMs: 60_000,
};

/** @throws IntegrationError `INVALID_INPUT` naming every bad option */
export function resolveBreaker(options: BreakerOptions, owner: string): BreakerSettings {
  const check = new OptionCheck(owner);
  const ratio = { min: Number.MIN_VALUE, max: 1 };
  check.number("failureRatio", options.failureRatio, ratio);
  check.number("slowRatio", options.slowRatio, ratio);
  check.number("minimumCalls", options.minimumCalls, { min: 1, max: 1_000_000, integer: true });
  check.number("windowMs", options.windowMs, { min: 10, max: DAY_MS });
  check.number("slowCallMs", options.slowCallMs, { min: 1, max: DAY_MS, unbounded: true });
  check.number("halfOpenPermits", options.halfOpenPermits, { min: 1, max: 5, integer: true });
  check.number("breakMs", options.breakMs, { min: 1, max: DAY_MS });
  check.number("maxBreakMs", options.maxBreakMs, { min: options.breakMs ?? 1, max: DAY_MS });
  check.throwIfAny();
  const breakMs = options.breakMs ?? DEFAULTS.breakMs;
  return {
    failureRatio: options.failureRatio ?? DEFAULTS.failureRatio,
    minimumCalls: options.minimumCalls ?? DEFAULTS.minimumCalls,
    windowMs: options.windowMs ?? DEFAULTS.windowMs,
    slowCallMs: options.slowCallMs ?? DEFAULTS.slowCallMs,
    slowRatio: options.slowRatio ?? DEFAULTS.slowRatio,
    halfOpenPermits: options.halfOpenPermits ?? DEFAULTS.halfOpenPermits,
    breakMs,
    maxBreakMs: options.maxBreakMs ?? Math.max(DEFAULTS.maxBreakMs, breakMs),
  };
}

/** @throws IntegrationError `INVALID_INPUT` naming everything that a snapshot could not have said */
export function checkSnapshot(value: unknown): void {
  const snapshot = recordOf(value);
  const check = new OptionCheck("CircuitBreaker.restore");
  const count = { min: 0, max: Number.MAX_SAFE_INTEGER };
  if (!["closed", "open", "half-open", "isolated"].includes(String(snapshot["state"])))
    check.problem("state is not a circuit state");
  for (const name of ["at", "remainingMs", "opens"]) check.number(name, snapshot[name] ?? NaN, count);
  const slices: unknown = snapshot["window"];
  if (!Array.isArray(slices)) check.problem("window must be a list");
  else
    for (const [index, slice] of slices.entries())
      for (const name of ["ageMs", "calls", "failures", "slow"])
        check.number(`window[${index}].${name}`, recordOf(slice)[name] ?? NaN, count);
  check.throwIfAny();
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
