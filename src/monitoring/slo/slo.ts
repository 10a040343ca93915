import { type Clock, IntegrationError, checkNumbers } from "../../core/index.ts";
import { type SelectorNode } from "../alerts/expression/expression.ts";
import { parseExpression } from "../alerts/expression/parse-expression.ts";
import { takes } from "../alerts/history/sample-history.ts";
import { type SeriesSource } from "../alerts/history/series-source.ts";
import { type BurnWindow, burnWindows, type SloTarget } from "./burn-rules.ts";
import { EventRing } from "./event-ring.ts";

/** A service level objective over two counters. */
export interface SloOptions {
  /** Counter of good events, e.g. `enhanced_integration_calls_total{service="neon",outcome="ok"}`. */
  readonly good: string;
  /** Counter of all events, e.g. `enhanced_integration_calls_total{service="neon"}`. */
  readonly total: string;
  /** Share of events that must be good; 0.5 to 0.99999. */
  readonly objective: number;
  /** Over which the budget is reckoned, days; 3 to 90. @defaultValue 30 */
  readonly windowDays?: number | undefined;
  /** A window with fewer events has no burn rate: one failure of two calls is no outage. 1 to 1,000,000. @defaultValue 50 */
  readonly minimumEvents?: number | undefined;
}

/** Where an objective stands. */
export interface SloStatus {
  readonly name: string;
  readonly objective: number;
  /** 1 is untouched, 0 is spent, below 0 is missed; `undefined` without events. */
  readonly budgetLeft: number | undefined;
  /** How many times faster than allowed the budget is spent, by window; absent where events are too few. */
  readonly burnRates: Readonly<Partial<Record<BurnWindow, number>>>;
}

const defaults = { windowDays: 30, minimumEvents: 50 };
const ranges = {
  objective: { min: 0.5, max: 0.99999 },
  windowDays: { min: 3, max: 90 },
  minimumEvents: { min: 1, max: 1_000_000, integer: true },
};

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Follows two counters: minutes for six hours, hours for the whole window. About 17 kB for 30 days. */
export class Slo {
  readonly name: string;
  readonly #options: Required<{ [K in keyof SloOptions]: NonNullable<SloOptions[K]> }>;
  readonly #good: SelectorNode;
  readonly #total: SelectorNode;
  readonly #minutes = new EventRing(MINUTE_MS, burnWindows["6h"]);
  readonly #hours: EventRing;
  #last: { readonly good: number; readonly total: number } | undefined;

  /** @throws IntegrationError INVALID_INPUT naming every option out of range, and selectors that are none */
  constructor(name: string, options: SloOptions) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) throw invalid(name, "the name must match [a-zA-Z_][a-zA-Z0-9_]*");
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.#options = { ...options, ...defaults, ...given };
    checkNumbers(`SLO ${name}`, this.#options, ranges);
    this.name = name;
    this.#good = selectorOf(name, "good", options.good);
    this.#total = selectorOf(name, "total", options.total);
    this.#hours = new EventRing(HOUR_MS, this.#options.windowDays * DAY_MS);
  }

  get target(): SloTarget {
    const { objective, minimumEvents } = this.#options;
    return { good: this.#good, total: this.#total, objective, minimumEvents };
  }

  get metricNames(): string[] {
    return [this.#good.name, this.#total.name];
  }

  /** Takes what was counted since the last time. */
  record(now: number, source: SeriesSource): void {
    const current = { good: countOf(this.#good, source), total: countOf(this.#total, source) };
    // Series may expire: a count that fell says nothing about what happened since.
    const since = (key: "good" | "total"): number => Math.max(0, current[key] - (this.#last?.[key] ?? current[key]));
    const total = since("total");
    const good = Math.min(since("good"), total);
    this.#last = current;
    this.#minutes.add(now, good, total);
    this.#hours.add(now, good, total);
  }

  burnRate(window: BurnWindow, now: number): number | undefined {
    const ring = window === "3d" ? this.#hours : this.#minutes;
    const { good, total } = ring.sum(now, burnWindows[window]);
    if (total < this.#options.minimumEvents) return undefined;
    return (total - good) / total / (1 - this.#options.objective);
  }

  budgetLeft(now: number): number | undefined {
    const { good, total } = this.#hours.sum(now, this.#options.windowDays * DAY_MS);
    return total === 0 ? undefined : 1 - (total - good) / total / (1 - this.#options.objective);
  }

  status(clock: Clock): SloStatus {
    const now = clock.now();
    const rates = (Object.keys(burnWindows) as BurnWindow[]).map((window) => [window, this.burnRate(window, now)]);
    const burnRates = Object.fromEntries(rates.filter(([, rate]) => rate !== undefined)) as SloStatus["burnRates"];
    return { name: this.name, objective: this.#options.objective, budgetLeft: this.budgetLeft(now), burnRates };
  }
}

function countOf(selector: SelectorNode, source: SeriesSource): number {
  let count = 0;
  for (const { labels, value } of source.read(source.resolve(selector.name) ?? selector.name))
    if (takes(selector, labels)) count += value;
  return count;
}

function selectorOf(name: string, option: string, text: string): SelectorNode {
  const expression = parseExpression(text);
  if (expression.kind === "selector" && expression.offsetMs === 0) return expression;
  throw invalid(name, `${option} must be one counter, as in calls_total{outcome="ok"}, got ${JSON.stringify(text)}`);
}

const invalid = (name: string, problem: string): IntegrationError =>
  new IntegrationError({ code: "INVALID_INPUT", message: `SLO ${name}: ${problem}` });
