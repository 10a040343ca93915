import { type SampleRange } from "./sample.ts";

/** Where the range lies, monotonic ms. */
export interface RangeBounds {
  readonly start: number;
  readonly end: number;
}

type RangeFunction = (range: SampleRange, bounds: RangeBounds) => number | undefined;

/** Functions of a range that give one value per series, or none where there are too few samples. */
export const rangeFunctions: Readonly<Record<string, RangeFunction>> = {
  rate: (range, bounds) => {
    const increase = extrapolatedIncrease(range, bounds, "counter");
    return increase && increase.change * (increase.factor / ((bounds.end - bounds.start) / 1_000));
  },
  increase: (range, bounds) => product(extrapolatedIncrease(range, bounds, "counter")),
  delta: (range, bounds) => product(extrapolatedIncrease(range, bounds, "gauge")),
  irate: ({ times, values }) => {
    const last = values.length - 1;
    if (last < 1) return undefined;
    const [before, after] = [values[last - 1] as number, values[last] as number];
    const seconds = ((times[last] as number) - (times[last - 1] as number)) / 1_000;
    return seconds === 0 ? undefined : (after < before ? after : after - before) / seconds;
  },
  changes: ({ values }) => steps(values, (before, after) => after !== before && !(isNaN(after) && isNaN(before))),
  resets: ({ values }) => steps(values, (before, after) => after < before),
  avg_over_time: ({ values }) => mean(values),
  min_over_time: ({ values }) => values.reduce((least, value) => (value < least || isNaN(least) ? value : least)),
  max_over_time: ({ values }) => values.reduce((most, value) => (value > most || isNaN(most) ? value : most)),
  sum_over_time: ({ values }) => sum(values),
  count_over_time: ({ values }) => values.length,
  last_over_time: ({ values }) => values.at(-1),
};

interface Increase {
  readonly change: number;
  /** By which the seen change is stretched to the whole range. */
  readonly factor: number;
}

const product = (increase: Increase | undefined): number | undefined => increase && increase.change * increase.factor;

/**
 * The change over the range, stretched to its ends as Prometheus does it: by at most half an interval where samples
 * begin or end well inside the range, and never below a counter's zero.
 * @see https://github.com/prometheus/prometheus/blob/v2.42.0/promql/functions.go extrapolatedRate
 */
function extrapolatedIncrease(
  { times, values }: SampleRange,
  { start, end }: RangeBounds,
  kind: "counter" | "gauge",
): Increase | undefined {
  const last = values.length - 1;
  if (last < 1) return undefined;
  const [firstValue, firstTime, lastTime] = [values[0] as number, times[0] as number, times[last] as number];
  let change = (values[last] as number) - firstValue;
  // A counter that fell began again from 0: what it had before is part of the increase.
  if (kind === "counter")
    for (let i = 1; i <= last; i += 1)
      if ((values[i] as number) < (values[i - 1] as number)) change += values[i - 1] as number;
  let toStart = (firstTime - start) / 1_000;
  const toEnd = (end - lastTime) / 1_000;
  const sampled = (lastTime - firstTime) / 1_000;
  const average = sampled / last;
  if (kind === "counter" && change > 0 && firstValue >= 0) {
    const toZero = sampled * (firstValue / change);
    if (toZero < toStart) toStart = toZero;
  }
  const threshold = average * 1.1;
  let stretched = sampled;
  stretched += toStart < threshold ? toStart : average / 2;
  stretched += toEnd < threshold ? toEnd : average / 2;
  return { change, factor: stretched / sampled };
}

function steps(values: readonly number[], counts: (before: number, after: number) => boolean): number {
  return values.reduce((total, value, i) => (i > 0 && counts(values[i - 1] as number, value) ? total + 1 : total), 0);
}

/** One addition with the lost low bits carried along (Neumaier). */
function addTo([total, lost]: readonly [number, number], value: number): [number, number] {
  const next = total + value;
  return Math.abs(total) >= Math.abs(value)
    ? [next, lost + (total - next + value)]
    : [next, lost + (value - next + total)];
}

function sum(values: readonly number[]): number {
  const [total, lost] = values.reduce<[number, number]>(addTo, [0, 0]);
  return isInfinite(total) ? total : total + lost;
}

/** Incremental, so that large values do not overflow. */
function mean(values: readonly number[]): number {
  let state: [number, number] = [0, 0];
  values.forEach((value, i) => {
    const [total] = state;
    if (isInfinite(total) && !isNaN(value) && !(isInfinite(value) && value > 0 !== total > 0)) return;
    state = addTo(state, value / (i + 1) - total / (i + 1));
  });
  return isInfinite(state[0]) ? state[0] : state[0] + state[1];
}

export const isInfinite = (value: number): boolean => value === Infinity || value === -Infinity;
