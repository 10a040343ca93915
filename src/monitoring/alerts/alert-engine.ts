import { type Clock, IntegrationError } from "../../core/index.ts";
import { type MetricRegistry } from "../metrics/registry.ts";
import { type ScalarSeries } from "../metrics/scalar.ts";
import { type AlertOptions, type AlertRule, type AlertSeverity, parseRule } from "./alert-rule.ts";
import { type AlertChange, type AlertState, inactive, stepAlert } from "./alert-state.ts";
import { isSatisfied } from "./condition.ts";

/** One step of one alert, told once. */
export interface AlertTransition {
  readonly name: string;
  readonly state: AlertChange;
  readonly severity: AlertSeverity;
  readonly message: string;
  /** The measured value; for a resolved alert without data, the one seen last. */
  readonly value: number;
  /** Of the series that the alert is about. */
  readonly labels: Readonly<Record<string, string>>;
  /** When, ms since the epoch. */
  readonly at: number;
}

/** An alert's standing over all its series. `no-data`: no series has a value, so that it cannot fire. */
export interface AlertStatus {
  readonly name: string;
  readonly state: "inactive" | "pending" | "firing" | "no-data";
  readonly severity: AlertSeverity;
  readonly message: string;
}

interface Instance {
  state: AlertState;
  value: number;
}

interface Entry {
  readonly rule: AlertRule;
  readonly instances: Map<ScalarSeries, Instance>;
}

/** Keeps the rules and steps them when asked. Each matching series of a rule is an alert of its own, as in Prometheus. */
export class AlertEngine {
  readonly #registry: MetricRegistry;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
  }

  get rules(): readonly AlertRule[] {
    return [...this.#entries.values()].map((entry) => entry.rule);
  }

  /** A second rule of the same name replaces the first; what is pending or firing goes on under the new one. */
  add(name: string, options: AlertOptions): void {
    const rule = parseRule(name, options);
    const metric = this.#registry.find(rule.condition.metric);
    if (metric?.type === "histogram")
      throw new IntegrationError({
        code: "INVALID_INPUT",
        message: `Alert ${name}: ${metric.name} is a histogram and has no single value; alert on a gauge or a counter`,
      });
    this.#entries.set(name, {
      rule,
      instances: this.#entries.get(name)?.instances ?? new Map<ScalarSeries, Instance>(),
    });
  }

  /** Steps every alert to now. */
  check(): AlertTransition[] {
    return [...this.#entries.values()].flatMap((entry) => this.#checkEntry(entry));
  }

  statuses(): AlertStatus[] {
    return [...this.#entries.values()].map(({ rule, instances }) => {
      const phases = new Set([...instances.values()].map((instance) => instance.state.phase));
      const quiet = this.#measured(rule).length === 0 ? "no-data" : "inactive";
      const state = phases.has("firing") ? "firing" : phases.has("pending") ? "pending" : quiet;
      return { name: rule.name, state, severity: rule.severity, message: rule.message };
    });
  }

  #checkEntry({ rule, instances }: Entry): AlertTransition[] {
    const now = this.#clock.now();
    const values = new Map(this.#measured(rule));
    const transitions: AlertTransition[] = [];
    for (const series of new Set([...instances.keys(), ...values.keys()])) {
      const instance = instances.get(series) ?? { state: inactive, value: NaN };
      const value = values.get(series);
      const satisfied = value !== undefined && isSatisfied(rule.condition, value);
      const [state, change] = stepAlert(instance.state, satisfied, now, rule.forMs);
      const next = { state, value: value ?? instance.value };
      if (state.phase === "inactive") instances.delete(series);
      else instances.set(series, next);
      if (change) transitions.push(this.#transition(rule, series, change, next.value));
    }
    return transitions;
  }

  /** The series that the rule speaks of and that have a value. */
  #measured({ condition }: AlertRule): [ScalarSeries, number][] {
    const metric = this.#registry.find(condition.metric);
    if (!metric || metric.type === "histogram") return [];
    const wanted = Object.entries(condition.matchers);
    const matching: readonly ScalarSeries[] = metric.series.filter((series) =>
      wanted.every(([label, value]) => (series.labels[label] ?? "") === value),
    );
    return matching
      .map((series): [ScalarSeries, number] => [series, series.read()])
      .filter(([, value]) => !Number.isNaN(value));
  }

  #transition(rule: AlertRule, series: ScalarSeries, state: AlertChange, value: number): AlertTransition {
    const { name, severity, message } = rule;
    return { name, state, severity, message, value, labels: series.labels, at: this.#clock.wallNow() };
  }
}
