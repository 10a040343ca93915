import { type Labels } from "./names.ts";
import { lineHead, Metric, type MetricIdentity } from "./metric.ts";
import { type Refuse, Series } from "./series.ts";

/** A series that is one number, recorded or computed when read. */
export abstract class ScalarSeries extends Series {
  readonly head: string;
  protected readonly refuse: Refuse;
  protected value: number;
  #compute: (() => number | undefined) | undefined;

  constructor(metric: MetricIdentity, refuse: Refuse, values: readonly string[], initial: number) {
    super(metric.labelNames, values);
    this.head = lineHead(metric.name, this.labelText);
    this.refuse = refuse;
    this.value = initial;
  }

  /** The number now; NaN while there is none. */
  read(): number {
    const computed = this.#compute?.();
    return computed !== undefined && Number.isFinite(computed) ? computed : this.value;
  }

  /** Has the number computed at each read. While `fn` knows none (`undefined`), the recorded one stands. */
  compute(fn: () => number | undefined): void {
    this.#compute = fn;
  }
}

/** Bound counter: a plain cell, some nanoseconds per increment. */
export class CounterSeries extends ScalarSeries {
  inc(by = 1): void {
    if (by >= 0 && Number.isFinite(by)) this.value += by;
    else this.refuse(Number.isFinite(by) ? "negative" : "not_a_number");
  }
}

/** Bound gauge. Without data until it is first set. */
export class GaugeSeries extends ScalarSeries {
  set(value: number): void {
    if (Number.isFinite(value)) this.value = value;
    else this.refuse("not_a_number");
  }

  /** Adds to the value, which starts from 0. */
  add(by: number): void {
    if (Number.isFinite(by)) this.value = Number.isNaN(this.value) ? by : this.value + by;
    else this.refuse("not_a_number");
  }
}

/** A total that only grows. */
export class Counter<L extends string = string> extends Metric<CounterSeries, L> {
  readonly type = "counter";

  inc(by = 1, labels?: Labels<L>): void {
    this.find(labels)?.inc(by);
  }

  record(value: number, labels?: Labels<L>): void {
    this.inc(value, labels);
  }

  write(series: CounterSeries, lines: string[]): void {
    writeScalar(series, lines);
  }

  protected make(values: readonly string[]): CounterSeries {
    return new CounterSeries(this, this.refuse, values, 0);
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

  write(series: GaugeSeries, lines: string[]): void {
    writeScalar(series, lines);
  }

  protected make(values: readonly string[]): GaugeSeries {
    return new GaugeSeries(this, this.refuse, values, NaN);
  }
}

function writeScalar(series: ScalarSeries, lines: string[]): void {
  const value = series.read();
  if (!Number.isNaN(value)) lines.push(`${series.head}${value}\n`);
}
