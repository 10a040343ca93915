/**
 * How many attempts a service bears, learned from how it answers. Pure steps: a state and what was seen make the next
 * state. Two well-known rules:
 *
 * - `aimd`: one more for each round of answers while the limit is used up, a tenth less when the service is
 *   overloaded (throttles, or does not answer in time). What TCP does; needs a service that says no.
 * - `gradient`: compares the duration of answers with what it is without a queue; where they take longer, they queue,
 *   and the limit shrinks in proportion (Netflix's concurrency-limits, Gradient). Needs answers of like duration.
 */
export type AdaptiveRule = "aimd" | "gradient";

/** What one attempt showed. */
export interface AttemptSample {
  readonly durationMs: number;
  /** In flight when it ended, itself included. */
  readonly inFlight: number;
  /** The service was too busy for it. */
  readonly overloaded: boolean;
}

export interface LimitBounds {
  readonly min: number;
  readonly max: number;
}

export interface LimitState {
  /** May be a fraction: what is allowed is the whole part. */
  readonly limit: number;
  /** Attempts seen since the last step. */
  readonly count: number;
  readonly totalMs: number;
  readonly overloads: number;
  /** Most in flight since the last step. */
  readonly peak: number;
  /** Mean duration without a queue, ms; 0: not known yet. */
  readonly baselineMs: number;
  /** Steps since the baseline was measured. */
  readonly age: number;
}

/** A limit that is not used says nothing about what the service bears. */
const USED = 0.7;
const DECREASE = 0.9;
/** Attempts between two steps, at least: enough for a mean, few enough to follow. */
const SAMPLES = 20;
/** Answers may take so much longer before they count as queued. */
const TOLERANCE = 1.2;
/** The way to a new limit is gone in steps, as one mean is a noisy measure. */
const SMOOTHING = 0.3;
/** After so many steps the baseline is measured anew, at half the limit: it must not learn our own queue. */
const BASELINE_STEPS = 200;

export function initialLimit({ min, max }: LimitBounds): LimitState {
  return { limit: Math.min(max, Math.max(min, 10)), ...NOTHING_SEEN, baselineMs: 0, age: 0 };
}
const NOTHING_SEEN = { count: 0, totalMs: 0, overloads: 0, peak: 0 };

export function learn(rule: AdaptiveRule, state: LimitState, sample: AttemptSample, bounds: LimitBounds): LimitState {
  const seen = {
    ...state,
    count: state.count + 1,
    totalMs: state.totalMs + sample.durationMs,
    overloads: state.overloads + (sample.overloaded ? 1 : 0),
    peak: Math.max(state.peak, sample.inFlight),
  };
  if (seen.count < roundOf(rule, state)) return seen;
  const next = rule === "aimd" ? aimd(seen) : gradient(seen);
  return { ...next, ...NOTHING_SEEN, limit: Math.min(bounds.max, Math.max(bounds.min, next.limit)) };
}

/** A round of answers, so that the next step sees what this one did. While the limit is halved, the one before counts. */
function roundOf(rule: AdaptiveRule, { limit, age }: LimitState): number {
  const answers = Math.max(1, Math.floor(limit));
  if (rule === "aimd") return answers;
  return Math.max(SAMPLES, age > BASELINE_STEPS ? 2 * answers : answers);
}

function aimd(state: LimitState): LimitState {
  const { limit, overloads, peak } = state;
  if (overloads > 0) return { ...state, limit: limit * DECREASE };
  return peak >= limit * USED ? { ...state, limit: limit + 1 } : state;
}

function gradient(state: LimitState): LimitState {
  const { limit, overloads, peak, count, totalMs, baselineMs, age } = state;
  const meanMs = totalMs / count;
  if (age === BASELINE_STEPS) return { ...state, limit: limit / 2, age: age + 1 };
  // The first round under the halved limit still began under the whole one; the second shows the service without a queue.
  if (age === BASELINE_STEPS + 1) return { ...state, age: age + 1 };
  if (age > BASELINE_STEPS) return { ...state, limit: limit * 2, baselineMs: meanMs, age: 0 };
  const known = { ...state, age: age + 1, baselineMs: baselineMs > 0 ? Math.min(baselineMs, meanMs) : meanMs };
  if (overloads > 0) return { ...known, limit: limit * DECREASE };
  if (peak < limit * USED) return known;
  const ratio = meanMs > 0 ? Math.max(0.5, Math.min(1, (TOLERANCE * known.baselineMs) / meanMs)) : 1;
  const aim = limit * ratio + Math.sqrt(limit);
  return { ...known, limit: limit + SMOOTHING * (aim - limit) };
}
