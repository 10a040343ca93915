import { type Clock, IntegrationError } from "../../core/index.ts";
import { type AlertOptions, type FleetRule } from "../alerts/alert-rule.ts";
import { type SeriesSource } from "../alerts/history/series-source.ts";
import { type MetricRegistry } from "../metrics/registry.ts";
import { BUDGET_METRIC, BURN_RATE_METRIC, burnRules, type BurnWindow, burnWindows } from "./burn-rules.ts";
import { Slo, type SloOptions, type SloStatus } from "./slo.ts";

/** Keeps the objectives, exports them as gauges, and has them alert through ordinary rules over those. */
export class SloRegistry {
  readonly #clock: Clock;
  readonly #source: SeriesSource;
  readonly #registry: MetricRegistry;
  readonly #slos = new Map<string, Slo>();

  constructor(registry: MetricRegistry, source: SeriesSource, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
    this.#source = source;
  }

  /** @throws IntegrationError INVALID_INPUT as {@link Slo} does; CONFLICT for a name that is taken */
  add(
    name: string,
    options: SloOptions,
    addAlert: (name: string, options: AlertOptions, fleet: FleetRule) => void,
  ): void {
    if (this.#slos.has(name))
      throw new IntegrationError({ code: "CONFLICT", message: `SLO ${name}: there is one of this name already` });
    const slo = new Slo(name, options);
    const rates = this.#registry.register(BURN_RATE_METRIC, "gauge", {
      help: "How many times faster than allowed the error budget is spent, by window.",
      labels: ["slo", "window"],
    });
    const budgets = this.#registry.register(BUDGET_METRIC, "gauge", {
      help: "Share of the error budget that is left: 1 untouched, below 0 missed.",
      labels: ["slo"],
    });
    for (const window of Object.keys(burnWindows) as BurnWindow[])
      rates.labels({ slo: name, window }).compute(() => slo.burnRate(window, this.#clock.now()));
    budgets.labels({ slo: name }).compute(() => slo.budgetLeft(this.#clock.now()));
    this.#slos.set(name, slo);
    slo.record(this.#clock.now(), this.#source);
    for (const [alert, { rule, fleet }] of Object.entries(burnRules(name, slo.target))) addAlert(alert, rule, fleet);
  }

  /** Every metric that an objective counts. */
  get metricNames(): string[] {
    return [...this.#slos.values()].flatMap((slo) => slo.metricNames);
  }

  /** Takes what was counted since the last time. */
  record(): void {
    for (const slo of this.#slos.values()) slo.record(this.#clock.now(), this.#source);
  }

  statuses(): SloStatus[] {
    return [...this.#slos.values()].map((slo) => slo.status(this.#clock));
  }
}
