import { type Random } from "../../../src/core/index.ts";
import { type AlertOptions, parseExpression } from "../../../src/monitoring/index.ts";
import { seededRandom } from "../../../src/testing/index.ts";
import { buckets, counters, gauges, labelValues, randomExpression } from "./random-expression.ts";

/** One value of a series: absent, the end of the series, or a number. */
export type Point = number | "absent" | "stale";

export interface ScriptedSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** One each `intervalMs`, from time 0. */
  readonly points: readonly Point[];
}

export interface Scenario {
  readonly seed: number;
  readonly intervalMs: number;
  readonly evaluationMs: number;
  readonly steps: number;
  readonly series: readonly ScriptedSeries[];
  readonly rules: Readonly<Record<string, AlertOptions>>;
}

/** Rules out of the whole grammar over series with resets, gaps, ends, NaN and infinities. */
export function randomScenario(seed: number): Scenario {
  const random = seededRandom(seed);
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random.next() * choices.length)] as T;
  const intervalMs = pick([10, 15, 30, 60]) * 1_000;
  const evaluationMs = pick([10, 15, 30, 60]) * 1_000;
  const steps = 40 + Math.floor(random.next() * 40);
  const length = Math.ceil((steps * evaluationMs) / intervalMs) + 1;
  const series: ScriptedSeries[] = [];
  const labelSets = () =>
    (labelValues["a"] ?? [])
      .flatMap((a) => (labelValues["b"] ?? []).map((b) => ({ a, b })))
      .filter(() => random.next() < 0.6);
  for (const name of gauges)
    for (const labels of labelSets()) series.push({ name, labels, points: gaugePoints(random, length) });
  for (const name of counters)
    for (const labels of labelSets()) series.push({ name, labels, points: counterPoints(random, length) });
  for (const a of (labelValues["a"] ?? []).slice(0, 2)) series.push(...histogramSeries(random, length, { a }));
  const rules: Record<string, AlertOptions> = {};
  const count = 1 + Math.floor(random.next() * 4);
  for (let i = 0; i < count; i += 1) rules[`rule${i}`] = randomRule(random, pick);
  return { seed, intervalMs, evaluationMs, steps, series, rules };
}

function randomRule(random: Random, pick: <T>(choices: readonly T[]) => T): AlertOptions {
  let condition = randomExpression(random);
  // Equality of computed numbers is refused by design; such a draw is drawn again.
  while (!isAccepted(condition)) condition = randomExpression(random);
  return {
    condition,
    for: pick([undefined, undefined, "30s", "1m", "2m", "5m"]),
    keepFiringFor: pick([undefined, undefined, undefined, "1m", "4m"]),
    severity: pick(["info", "warning", "critical"] as const),
    message: pick([
      "plain",
      // Sums and means depend in their last bit on the order of series, which Prometheus leaves open.
      /sum|avg/.test(condition) ? 'at {{ printf "%.9f" $value }}' : "at {{ $value }}",
      "{{ $labels.a }}/{{ $labels.missing }} {{ $value | humanize }}",
      '{{ $value | humanizePercentage }} {{ humanizeDuration $value }} {{ printf "%.2f" $value }}',
    ]),
    labels: pick([undefined, undefined, { team: "ops" }, { where: "{{ $labels.a }}" }]),
  };
}

function isAccepted(condition: string): boolean {
  try {
    parseExpression(condition);
    return true;
  } catch {
    return false;
  }
}

/** Cuts holes of one sample, of minutes, and ends, into a line of values. */
function withHoles(random: Random, values: readonly number[]): Point[] {
  const holes = random.next();
  let absentLeft = 0;
  return values.map((value): Point => {
    if (absentLeft > 0) return ((absentLeft -= 1), "absent");
    if (holes < 0.3) return value;
    const chance = random.next();
    if (chance < 0.03) return "absent";
    if (chance < 0.045) return ((absentLeft = Math.floor(random.next() * 45)), "absent");
    if (chance < 0.06) return ((absentLeft = Math.floor(random.next() * 10)), "stale");
    return value;
  });
}

function gaugePoints(random: Random, length: number): Point[] {
  const odd = random.next() < 0.25;
  let value = Math.floor(random.next() * 8);
  const values = Array.from({ length }, () => {
    if (random.next() < 0.5) value += Math.floor(random.next() * 5) - 2;
    const chance = odd ? random.next() : 1;
    if (chance < 0.05) return NaN;
    if (chance < 0.07) return Infinity;
    return chance < 0.15 ? value + 0.25 : value;
  });
  return withHoles(random, values);
}

function counterPoints(random: Random, length: number): Point[] {
  const pace = Math.floor(random.next() * 20);
  const resets = random.next() < 0.5 ? 0.04 : 0;
  let value = Math.floor(random.next() * 100);
  const values = Array.from({ length }, () => {
    value = random.next() < resets ? Math.floor(random.next() * 3) : value + Math.floor(random.next() * (pace + 1));
    return value;
  });
  return withHoles(random, values);
}

function histogramSeries(random: Random, length: number, labels: { readonly a: string }): ScriptedSeries[] {
  const bounds = ["0.1", "0.5", "1.0", "5.0", "+Inf"];
  const counts = bounds.map(() => 0);
  const lines: number[][] = bounds.map(() => []);
  for (let i = 0; i < length; i += 1) {
    const observed = Math.floor(random.next() * 6);
    for (let n = 0; n < observed; n += 1) {
      const first = Math.floor(random.next() * bounds.length);
      for (let bound = first; bound < bounds.length; bound += 1) (counts[bound] as number) += 1;
    }
    lines.forEach((line, bound) => line.push(counts[bound] as number));
  }
  return bounds.map((le, bound) => ({
    name: buckets,
    labels: { ...labels, le },
    points: random.next() < 0.8 ? (lines[bound] as number[]) : withHoles(random, lines[bound] as number[]),
  }));
}
