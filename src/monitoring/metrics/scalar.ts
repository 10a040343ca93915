import { type Exemplar, type ExemplarLabels, exemplarText } from "./exemplar.ts";
import { type Labels } from "./names.ts";
import { numberText } from "./number-text.ts";
import { createdLine, lineHead, Metric, type TextStyle } from "./metric.ts";
import { ACTIVE_SERIES, type Refuse, Series } from "./series.ts";

/** What a scalar series needs to know of its metric. */
interface Family {
  readonly name: string;
  readonly labelNames: readonly string[];
  readonly refuse: Refuse;
}

/** A series that is one number, recorded or computed when read. */
export abstract class ScalarSeries extends Series {
  protected readonly family: Family;
  protected value: number;
  #head: string | undefined;
  #compute: (() => number | undefined) | undefined;

  constructor(family: Family, values: readonly string[], createdAt: number, initial: number) {
    super(family.labelNames, values, createdAt);
    this.family = family;
    this.value = initial;
  }

  /** What its line starts with. Takes memory, so it is built when the series is first exported. */
  get head(): string {
    return (this.#head ??= lineHead(this.family.name, this.labelText));
  }

  /** The number now; NaN while there is none. */
  read(): number {
    if (this.#compute === undefined) return this.value;
    try {
      const computed = this.#compute();
      return computed !== undefined && Number.isFinite(computed) ? computed : this.value;
    } catch {
      this.family.refuse("not_computed");
      return this.value;
    }
  }

  /**
   * Has the number computed at each read. While `fn` knows none (`undefined`) or throws, which is counted, the recorded
   * one stands: one metric must not cost all others their scrape. Never expires.
   */
  compute(fn: () => number | undefined): void {
    this.#compute = fn;
    this.permanent = true;
  }
}

/** Bound counter: a plain cell, some nanoseconds per increment. */
export class CounterSeries extends ScalarSeries {
  /** Of the latest increment that had one. */
  exemplar: Exemplar | undefined;

  /** Adds, 1 if not told otherwise. What is negative or no number is refused and counted. */
  inc(by = 1, exemplar?: ExemplarLabels): void {
    if (!(Number.isFinite(by) && by >= 0)) return this.family.refuse(Number.isFinite(by) ? "negative" : "not_a_number");
    if (this.state !== ACTIVE_SERIES) {
      const current = this.awake();
      if (current !== this) return current.inc(by, exemplar);
    }
    this.value += by;
    if (exemplar !== undefined) this.exemplar = { labels: exemplar, value: by };
  }
}

/** Bound gauge. Without data until it is first set. */
export class GaugeSeries extends ScalarSeries {
  set(value: number): void {
    if (!Number.isFinite(value)) return this.family.refuse("not_a_number");
    this.#current().value = value;
  }

  /** Adds to the value, which starts from 0. */
  add(by: number): void {
    if (!Number.isFinite(by)) return this.family.refuse("not_a_number");
    const current = this.#current();
    current.value = Number.isNaN(current.value) ? by : current.value + by;
  }

  #current(): GaugeSeries {
    return this.state === ACTIVE_SERIES ? this : this.awake();
  }
}

/** A total that only grows. */
export class Counter<L extends string = string> extends Metric<CounterSeries, L> {
  readonly type = "counter";

  /** The exemplar leads from the count to one case of it; it is exported in OpenMetrics. */
  inc(by = 1, labels?: Labels<L>, exemplar?: ExemplarLabels): void {
    this.find(labels)?.inc(by, exemplar);
  }

  record(value: number, labels?: Labels<L>): void {
    this.inc(value, labels);
  }

  text(series: CounterSeries, { openmetrics, created }: TextStyle): string {
    const value = series.read();
    if (Number.isNaN(value)) return "";
    const { exemplar } = series;
    if (!openmetrics || (exemplar === undefined && !created)) return `${series.head}${numberText(value)}\n`;
    const since = created ? createdLine(this.name.slice(0, -"_total".length), series) : "";
    return `${series.head}${numberText(value)}${exemplar ? exemplarText(exemplar) : ""}\n${since}`;
  }

  protected make(values: readonly string[]): CounterSeries {
    return new CounterSeries(this, values, this.wallNow(), 0);
  }
}

/** A value that goes up and down. */
export class Gauge<L extends string = string> extends Metric<GaugeSeries, L> {
  readonly type = "gauge";

  set(value: number, labels?: Labels<L>): void {
    this.find(labels)?.set(value);
  }

  add(by: number, labels?: Labels<L>): void {
    this.find(labels)?.add(by);
  }

  record(value: number, labels?: Labels<L>): void {
    this.set(value, labels);
  }

  text(series: GaugeSeries): string {
    const value = series.read();
    return Number.isNaN(value) ? "" : `${series.head}${numberText(value)}\n`;
  }

  protected make(values: readonly string[]): GaugeSeries {
    return new GaugeSeries(this, values, this.wallNow(), NaN);
  }
}
