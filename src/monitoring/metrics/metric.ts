import { IntegrationError } from "../../core/index.ts";
import { type Labels } from "./names.ts";
import { type Refuse, type Series, SeriesTable } from "./series.ts";

export type MetricType = "counter" | "gauge" | "histogram";

export interface MetricIdentity {
  /** As exported: a counter's ends in `_total`. */
  readonly name: string;
  readonly labelNames: readonly string[];
}

/** What a metric is made of; the registry fills it in. */
export interface MetricSetup extends MetricIdentity {
  readonly help: string;
  readonly maxSeries: number;
  readonly refuse: Refuse;
  readonly onOverflow: () => void;
}

/** A named family of series, with declared labels. */
export abstract class Metric<S extends Series = Series, L extends string = string> {
  abstract readonly type: MetricType;
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  protected readonly refuse: Refuse;
  readonly #table: SeriesTable<S>;

  constructor(setup: MetricSetup) {
    this.name = setup.name;
    this.help = setup.help;
    this.labelNames = setup.labelNames;
    this.refuse = setup.refuse;
    this.#table = new SeriesTable<S>({
      labelNames: setup.labelNames,
      limit: setup.maxSeries,
      make: (values) => this.make(values),
      onOverflow: setup.onOverflow,
    });
  }

  /** All series so far, in order of creation. */
  get series(): readonly S[] {
    return this.#table.all;
  }

  /**
   * Binds the labels once, for hot paths. Past the cardinality cap it is the overflow series.
   * @throws IntegrationError INVALID_INPUT for a label that was not declared
   */
  labels(labels?: Labels<L>): S {
    const series = this.#table.find(labels);
    if (series) return series;
    throw new IntegrationError({
      code: "INVALID_INPUT",
      message: `Metric ${this.name} has the labels [${this.labelNames.join(", ")}], got [${Object.keys(labels ?? {}).join(", ")}]; declare a label when the metric is registered`,
    });
  }

  /** Records `value` in the metric's own way (a counter adds, a gauge is set, a histogram observes). Never throws. */
  abstract record(value: number, labels?: Labels<L>): void;

  /** Appends the lines of one series; none while it has no data. */
  abstract write(series: S, lines: string[]): void;

  /** For recording: an undeclared label refuses the record instead of throwing. */
  protected find(labels: Labels<L> | undefined): S | undefined {
    const series = this.#table.find(labels);
    if (!series) this.refuse("unknown_label");
    return series;
  }

  protected abstract make(values: readonly string[]): S;
}

/** `name{labels} `, what each line of a series starts with. */
export function lineHead(name: string, labelText: string): string {
  return labelText === "" ? `${name} ` : `${name}{${labelText}} `;
}
