import { type Clock, describeThrown, IntegrationError } from "../../core/index.ts";
import { type AlertOptions, type AlertRule, type AlertSeverity, type FleetRule, parseRule } from "./alert-rule.ts";
import { type AlertChange, type AlertState, inactive, stepAlert } from "./alert-state.ts";
import { checkNames, unknownNames } from "./check-names.ts";
import { evaluate } from "./expression/evaluate.ts";
import { comparisonOperators, type Expression, selectorsOf } from "./expression/expression.ts";
import { labelKey, type LabelSet, type Sample } from "./expression/sample.ts";
import { type SampleHistory, takes } from "./history/sample-history.ts";
import { type SeriesSource } from "./history/series-source.ts";
import { prometheusRules } from "./prometheus-rules.ts";
import { type Template, type TemplateData } from "./template.ts";

/** A change of state of one alert, for one series. */
export interface AlertTransition {
  readonly name: string;
  readonly state: AlertChange;
  readonly severity: AlertSeverity;
  /** The rule's message, filled in. */
  readonly message: string;
  /** The measured value; of an alert whose data went away, the last one. */
  readonly value: number;
  /** Labels of the series and of the rule, filled in. */
  readonly labels: LabelSet;
  /** The rule's annotations, filled in; absent where it has none. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** When, ms since the epoch. */
  readonly at: number;
}

/** Where a rule stands over all its series. `no-data`: no series has a value, so that it cannot fire. */
export interface AlertStatus {
  readonly name: string;
  readonly state: "inactive" | "pending" | "firing" | "no-data";
  readonly severity: AlertSeverity;
  readonly message: string;
  /** Why it has no data or could not be evaluated, where that is known. */
  readonly problem?: string;
}

/** An alert that is pending or firing for one series. */
export interface ActiveAlert {
  readonly name: string;
  readonly state: "pending" | "firing";
  readonly severity: AlertSeverity;
  readonly message: string;
  readonly value: number;
  readonly labels: LabelSet;
  readonly annotations: Readonly<Record<string, string>>;
  /** Since when its condition holds, ms since the epoch. */
  readonly startedAt: number;
}

/** A series for which a condition holds. */
interface Holding {
  readonly value: number;
  readonly message: string;
  /** Of the series alone. */
  readonly seriesLabels: LabelSet;
  readonly labels: LabelSet;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Instance extends Holding {
  readonly state: AlertState;
  readonly startedAt: number;
}

interface Entry {
  readonly rule: AlertRule;
  instances: Map<string, Instance>;
  problem?: string;
}

export interface AlertEngineOptions {
  readonly source: SeriesSource;
  readonly history: Pick<SampleHistory, "track" | "record" | "instant" | "range">;
  readonly clock: Clock;
  /** A rule could not be evaluated; its alerts stay as they are. */
  readonly onFault?: (name: string) => void;
}

/** Keeps the rules and steps them when asked. Each series of a condition is an alert of its own, as in Prometheus. */
export class AlertEngine {
  readonly #options: AlertEngineOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: AlertEngineOptions) {
    this.#options = options;
  }

  /** The same alerts as a rule file for Prometheus. */
  prometheusRules(): string {
    return prometheusRules(this.rules, this.#options.source);
  }

  get rules(): readonly AlertRule[] {
    return [...this.#entries.values()].map((entry) => entry.rule);
  }

  /** Every metric that a condition names. */
  get metricNames(): string[] {
    return this.rules.flatMap(({ condition }) =>
      selectorsOf(condition).map((node) => (node.kind === "range" ? node.selector : node).name),
    );
  }

  /** A second rule of the same name replaces the first; what is pending or firing goes on under the new one. */
  add(name: string, options: AlertOptions, fleet?: FleetRule): void {
    const rule = { ...parseRule(name, options), ...(fleet && { fleet }) };
    checkNames(rule, this.#options.source);
    this.#entries.set(name, { rule, instances: this.#entries.get(name)?.instances ?? new Map<string, Instance>() });
  }

  /** Takes the samples of this moment and steps every alert to it. */
  check(): AlertTransition[] {
    const { clock, source, history } = this.#options;
    const now = clock.now();
    // Names may have come to mean a metric since the last check.
    history.track(this.rules.map(({ condition }) => condition));
    history.record(now, source);
    return [...this.#entries.values()].flatMap((entry) => this.#checkEntry(entry, now));
  }

  statuses(): AlertStatus[] {
    return [...this.#entries.values()].map(({ rule, instances, problem }) => {
      const phases = new Set([...instances.values()].map((instance) => instance.state.phase));
      const { name, severity, message } = rule;
      const quiet = this.#hasData(rule) ? "inactive" : "no-data";
      const state = phases.has("firing") ? "firing" : phases.has("pending") ? "pending" : quiet;
      const why = problem ?? (state === "no-data" ? unknownNames(rule, this.#options.source) : undefined);
      return { name, state, severity, message, ...(why !== undefined && { problem: why }) };
    });
  }

  /** Every alert that is pending or firing, by series. */
  active(): ActiveAlert[] {
    return [...this.#entries.values()].flatMap(({ rule: { name, severity }, instances }) =>
      [...instances.values()].flatMap(({ state, startedAt, value, message, labels, annotations }): ActiveAlert[] =>
        state.phase === "inactive"
          ? []
          : [{ name, state: state.phase, severity, message, value, labels, annotations, startedAt }],
      ),
    );
  }

  #checkEntry(entry: Entry, now: number): AlertTransition[] {
    const { rule } = entry;
    let holding: Map<string, Holding>;
    try {
      holding = this.#holding(rule, now);
      delete entry.problem;
    } catch (error) {
      entry.problem = describeThrown(error);
      this.#options.onFault?.(rule.name);
      return [];
    }
    const transitions: AlertTransition[] = [];
    const next = new Map<string, Instance>();
    for (const key of new Set([...entry.instances.keys(), ...holding.keys()])) {
      const before = entry.instances.get(key);
      const holds = holding.get(key);
      const [state, change] = stepAlert(before?.state ?? inactive, holds !== undefined, now, rule);
      const startedAt = before?.startedAt ?? this.#options.clock.wallNow();
      // What is kept firing, or has gone, keeps the words it fired with.
      const known = holds ?? before;
      if (!known) continue;
      const instance = { ...known, state, startedAt };
      if (state.phase !== "inactive") next.set(key, instance);
      if (!change) continue;
      const measured = holds ? undefined : this.#measured(rule.condition, instance.seriesLabels, now);
      transitions.push(this.#transition(rule, { ...instance, value: measured ?? instance.value }, change));
    }
    entry.instances = next;
    return transitions;
  }

  /** The series for which the condition holds, by their labels with the rule's: they tell alerts apart. */
  #holding({ condition, templates }: AlertRule, now: number): Map<string, Holding> {
    const holding = new Map<string, Holding>();
    for (const { labels: seriesLabels, value } of this.#evaluate(condition, now)) {
      const data = { labels: seriesLabels, value };
      const added = fill(templates.labels, data);
      const labels = Object.fromEntries(
        Object.entries({ ...seriesLabels, ...added }).filter(([, text]) => text !== ""),
      );
      const key = labelKey(labels);
      if (holding.has(key))
        throw new IntegrationError({
          code: "CONFLICT",
          message: "several series have the same labels, the rule's included; aggregate them, as in sum by (label) (…)",
        });
      const annotations = fill(templates.annotations, data);
      holding.set(key, { value, message: templates.message(data), seriesLabels, labels, annotations });
    }
    return holding;
  }

  #evaluate(condition: Expression, at: number): Sample[] {
    const epochSeconds = this.#options.clock.wallNow() / 1_000;
    const value = evaluate(condition, this.#options.history, { at, epochSeconds });
    return typeof value === "number" ? [{ name: "", labels: {}, value }] : value;
  }

  /** What a condition of the form `x > 90` measured, also where it does not hold. */
  #measured(condition: Expression, labels: LabelSet, at: number): number | undefined {
    if (condition.kind !== "binary" || !comparisonOperators.has(condition.operator)) return undefined;
    try {
      const found = this.#evaluate(condition.left, at).find((sample) => labelKey(sample.labels) === labelKey(labels));
      return found?.value;
    } catch {
      return undefined;
    }
  }

  #hasData({ condition }: AlertRule): boolean {
    const selectors = selectorsOf(condition).map((node) => (node.kind === "range" ? node.selector : node));
    if (selectors.length === 0) return true;
    const { source } = this.#options;
    return selectors.some((selector) => {
      for (const { labels } of source.read(source.resolve(selector.name) ?? selector.name))
        if (takes(selector, labels)) return true;
      return false;
    });
  }

  #transition(rule: AlertRule, { value, message, labels, annotations }: Instance, state: AlertChange): AlertTransition {
    const { name, severity } = rule;
    const at = this.#options.clock.wallNow();
    const filled = Object.keys(annotations).length > 0 ? { annotations } : {};
    return { name, state, severity, message, value, labels, ...filled, at };
  }
}

function fill(templates: Readonly<Record<string, Template>>, data: TemplateData): Record<string, string> {
  return Object.fromEntries(Object.entries(templates).map(([name, template]) => [name, template(data)]));
}
