import { type Clock, type IntegrationEvents, type Random, OptionCheck } from "../core/index.ts";
import { type BreakerSettings } from "./breaker-step.ts";
import { type OutcomeSlice } from "./outcome-window.ts";

/** When to open, and for how long. */
export interface BreakerOptions {
  /** Share of failed calls that opens the circuit, above 0 to 1. @defaultValue 0.5 */
  readonly failureRatio?: number;
  /** Calls in the window before any ratio is believed, 1 to 1,000,000. @defaultValue 10, or `windowCalls` if that is less */
  readonly minimumCalls?: number;
  /**
   * Outcomes older than this do not count, ms, 10 to a day; with `windowCalls` also Infinity. @defaultValue 30,000
   */
  readonly windowMs?: number;
  /** Only the last so many outcomes count, 1 to 10,000, or Infinity. @defaultValue Infinity */
  readonly windowCalls?: number;
  /** A call that takes longer is slow, ms. @defaultValue Infinity: no call is */
  readonly slowCallMs?: number;
  /** Share of slow calls that opens the circuit, above 0 to 1. @defaultValue 1 */
  readonly slowRatio?: number;
  /** Probes at a time, and successes in a row, before the circuit closes again, 1 to 100. @defaultValue 3 */
  readonly halfOpenPermits?: number;
  /**
   * After its probes, the circuit lets a share of the calls through that grows from an eighth to all of them in this
   * time, ms, up to a day. It counts as half-open meanwhile. @defaultValue 0: all of them at once
   */
  readonly rampMs?: number;
  /** First break, ms, 1 to a day. Doubles from break to break; each is shortened by up to a fifth, by chance. @defaultValue 5,000 */
  readonly breakMs?: number;
  /** Longest break, ms, at least `breakMs`. @defaultValue 60,000 */
  readonly maxBreakMs?: number;
  /** A circuit that was closed for so long begins with the first break again, ms, up to a day. @defaultValue `maxBreakMs` */
  readonly healthyMs?: number;
  /**
   * Does this error say that the service is ill? `undefined` leaves it to the built-in judgement, as does throwing. Not
   * asked about aborts and our own refusals: they say nothing.
   */
  readonly isFailure?: ((error: unknown) => boolean | undefined) | undefined;
}

export type BreakerEventName = "circuit.opened" | "circuit.half_opened" | "circuit.closed";
export type BreakerListener = <N extends BreakerEventName>(name: N, event: IntegrationEvents[N]) => void;

export interface CircuitBreakerOptions extends BreakerOptions {
  /** Whose circuit it is; for errors and events. @defaultValue "service" */
  readonly service?: string;
  /** Which part of the service it is for, e.g. `storage`. @defaultValue none: the service */
  readonly part?: string | undefined;
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
  /** How long it was in this state, ms; 0 for what has no beginning. */
  readonly forMs: number;
  /** Half-open with its probes passed: a growing share of the calls goes through. */
  readonly ramping: boolean;
  /** Breaks since the service was last healthy. */
  readonly opens: number;
  readonly window: readonly OutcomeSlice[];
}

const DAY_MS = 86_400_000;
const DEFAULTS: BreakerSettings = {
  failureRatio: 0.5,
  minimumCalls: 10,
  windowMs: 30_000,
  windowCalls: Infinity,
  slowCallMs: Infinity,
  slowRatio: 1,
  halfOpenPermits: 3,
  rampMs: 0,
  breakMs: 5_000,
  maxBreakMs: 60_000,
  healthyMs: 60_000,
  isFailure: undefined,
};

/** @throws IntegrationError `INVALID_INPUT` naming every bad option */
export function resolveBreaker(options: BreakerOptions, owner: string): BreakerSettings {
  const { windowCalls = DEFAULTS.windowCalls, breakMs = DEFAULTS.breakMs, isFailure } = options;
  const maxBreakMs = options.maxBreakMs ?? Math.max(DEFAULTS.maxBreakMs, breakMs);
  const settings = {
    failureRatio: options.failureRatio ?? DEFAULTS.failureRatio,
    minimumCalls: options.minimumCalls ?? Math.min(DEFAULTS.minimumCalls, windowCalls),
    windowMs: options.windowMs ?? DEFAULTS.windowMs,
    windowCalls,
    slowCallMs: options.slowCallMs ?? DEFAULTS.slowCallMs,
    slowRatio: options.slowRatio ?? DEFAULTS.slowRatio,
    halfOpenPermits: options.halfOpenPermits ?? DEFAULTS.halfOpenPermits,
    rampMs: options.rampMs ?? DEFAULTS.rampMs,
    breakMs,
    maxBreakMs,
    healthyMs: options.healthyMs ?? maxBreakMs,
    isFailure,
  };
  checkSettings(settings, owner);
  return settings;
}

function checkSettings(settings: BreakerSettings, owner: string): void {
  const check = new OptionCheck(owner);
  const ratio = { min: Number.MIN_VALUE, max: 1 };
  const { windowCalls, minimumCalls } = settings;
  check.number("failureRatio", settings.failureRatio, ratio);
  check.number("slowRatio", settings.slowRatio, ratio);
  check.number("windowCalls", windowCalls, { min: 1, max: 10_000, integer: true, unbounded: true });
  check.number("minimumCalls", minimumCalls, { min: 1, max: 1_000_000, integer: true });
  if (minimumCalls > windowCalls)
    check.problem(
      `minimumCalls must be at most windowCalls, or the circuit never opens, got ${minimumCalls} and ${windowCalls}`,
    );
  check.number("windowMs", settings.windowMs, { min: 10, max: DAY_MS, unbounded: windowCalls !== Infinity });
  check.number("slowCallMs", settings.slowCallMs, { min: 1, max: DAY_MS, unbounded: true });
  check.number("halfOpenPermits", settings.halfOpenPermits, { min: 1, max: 100, integer: true });
  check.number("rampMs", settings.rampMs, { min: 0, max: DAY_MS });
  check.number("breakMs", settings.breakMs, { min: 1, max: DAY_MS });
  check.number("maxBreakMs", settings.maxBreakMs, { min: settings.breakMs, max: DAY_MS });
  check.number("healthyMs", settings.healthyMs, { min: 0, max: DAY_MS });
  if (settings.isFailure !== undefined && typeof settings.isFailure !== "function")
    check.problem("isFailure must be a function of the error");
  check.throwIfAny();
}
