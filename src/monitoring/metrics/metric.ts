import { IntegrationError } from "../../core/index.ts";
import { type Labels } from "./names.ts";
import { type Refuse, type Series } from "./series.ts";
import { SeriesTable } from "./series-table.ts";

export type MetricType = "counter" | "gauge" | "histogram";

/** How a metric is called where OpenTelemetry's conventions name it; what is left out is derived. */
export interface OpenTelemetryNaming {
  /** E.g. `db.client.operation.duration`. @defaultValue the name without the unit and `_total` */
  readonly name?: string;
  /** In UCUM, e.g. `s`, `By`, `{token}`. @defaultValue from the name's ending: `s`, `By` or none */
  readonly unit?: string;
  /** Attribute names by label, e.g. `{ db_system_name: "db.system.name" }`. @defaultValue the labels' own names */
  readonly attributes?: Readonly<Record<string, string>>;
  /** A gauge that can be added up over processes is an UpDownCounter. @defaultValue a gauge */
  readonly upDown?: boolean;
}

/** What a metric is made of; the registry fills it in. */
export interface MetricSetup {
  /** As exported: a counter's ends in `_total`. */
  readonly name: string;
  readonly labelNames: readonly string[];
  readonly help: string;
  /** The name's ending that OpenMetrics calls the unit, e.g. `seconds`. */
  readonly unit: string | undefined;
  readonly openTelemetry: OpenTelemetryNaming;
  readonly maxSeries: number;
  readonly ttlMs: number | undefined;
  /** Monotonic ms. */
  readonly now: () => number;
  /** ms since the epoch. */
  readonly wallNow: () => number;
  readonly refuse: Refuse;
  readonly onOverflow: () => void;
  readonly onExpired: () => void;
}

/** How samples are written. */
export interface TextStyle {
  readonly openmetrics: boolean;
  /** With a `_created` line per series; OpenMetrics only. */
  readonly created: boolean;
}

/** A named family of series, with declared labels. */
export abstract class Metric<S extends Series = Series, L extends string = string> {
  abstract readonly type: MetricType;
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly unit: string | undefined;
  readonly openTelemetry: OpenTelemetryNaming;
  readonly refuse: Refuse;
  protected readonly wallNow: () => number;
  readonly #table: SeriesTable<S>;

  constructor(setup: MetricSetup) {
    const { name, help, labelNames, unit, openTelemetry, refuse, wallNow, ttlMs, now, onOverflow, onExpired } = setup;
    this.name = name;
    this.help = help;
    this.labelNames = labelNames;
    this.unit = unit;
    this.openTelemetry = openTelemetry;
    this.refuse = refuse;
    this.wallNow = wallNow;
    const make = (values: readonly string[]) => this.make(values);
    this.#table = new SeriesTable<S>({
      ...{ labelNames, limit: setup.maxSeries, ttlMs, now, make, onOverflow, onExpired },
    });
  }

  /** All series there are, in order of creation. */
  get series(): readonly S[] {
    return [...this.#table.all()];
  }

  /** One by one, so that a reader of many can pause: what comes and goes meanwhile may or may not be among them. */
  eachSeries(): Iterable<S> {
    return this.#table.all();
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

  /** The lines of one series; empty while it has no data. */
  abstract text(series: S, style: TextStyle): string;

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

/** The line that says since when a series counts, seconds since the epoch. */
export function createdLine(family: string, series: Series): string {
  return `${lineHead(`${family}_created`, series.labelText)}${series.createdAt / 1_000}\n`;
}
