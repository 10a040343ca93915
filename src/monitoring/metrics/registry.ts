import { type Clock, IntegrationError } from "../../core/index.ts";
import { areBounds, DEFAULT_BUCKETS, MAX_BUCKETS } from "./buckets.ts";
import { Histogram } from "./histogram.ts";
import { type Metric, type MetricSetup, type MetricType, type OpenTelemetryNaming } from "./metric.ts";
import { checkNames, type Labels } from "./names.ts";
import { Counter, Gauge } from "./scalar.ts";
import { type Sample, samplesOf } from "./sample.ts";
import { type RefusalReason } from "./series.ts";

/** What a metric may be declared with. What is left out claims nothing when the metric exists already. */
export interface MetricOptions<L extends string = string> {
  /** One sentence for the HELP line. @defaultValue generated from the name */
  readonly help?: string | undefined;
  /** Names of the labels that records may carry. @defaultValue none */
  readonly labels?: readonly L[] | undefined;
  /** Upper bounds of a histogram, finite and ascending. @defaultValue {@link DEFAULT_BUCKETS} */
  readonly buckets?: readonly number[] | undefined;
  /** The unit in which the name ends, for OpenMetrics. @defaultValue `seconds`, `bytes` or `ratio` where the name ends so */
  readonly unit?: string | undefined;
  /** Series idle for so long are dropped, ms, 1000 and above; `null`: never. @defaultValue the system's `seriesTtlMs` */
  readonly ttlMs?: number | null | undefined;
  /** How the metric is called when it is bridged to OpenTelemetry. @defaultValue derived from name and labels */
  readonly openTelemetry?: OpenTelemetryNaming | undefined;
}

/** The handle of each type of metric. */
export interface MetricOf<L extends string = string> {
  readonly counter: Counter<L>;
  readonly gauge: Gauge<L>;
  readonly histogram: Histogram<L>;
}

export type AnyMetric = Counter | Gauge | Histogram;

export const REFUSED_METRIC = "enhanced_integration_metrics_refused_total";
export const OVERFLOWED_METRIC = "enhanced_integration_metrics_overflowed_total";
export const EXPIRED_METRIC = "enhanced_integration_metrics_expired_total";

export interface RegistryOptions {
  readonly maxSeriesPerMetric: number;
  /** Of metrics that do not say otherwise, ms; `undefined`: series stay. */
  readonly seriesTtlMs: number | undefined;
  readonly clock: Clock;
}

/** All metrics of one system, by name and alias. */
export class MetricRegistry {
  readonly #metrics = new Map<string, AnyMetric>();
  /** Every name that means a metric: its own, its aliases and the names of its samples. */
  readonly #claims = new Map<string, AnyMetric>();
  readonly #options: RegistryOptions;
  readonly #refused: Counter<"reason">;
  readonly #overflowed: Counter<"metric">;
  readonly #expired: Counter<"metric">;
  readonly #listeners = new Set<(metric: AnyMetric) => void>();

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#refused = this.register(REFUSED_METRIC, "counter", {
      help: "Records that were not taken, by reason.",
      labels: ["reason"],
    });
    this.#overflowed = this.register(OVERFLOWED_METRIC, "counter", {
      help: "Records and bindings that took the overflow series of a metric at its cardinality cap.",
      labels: ["metric"],
    });
    this.#expired = this.register(EXPIRED_METRIC, "counter", {
      help: "Series that were dropped because nothing was recorded to them for so long.",
      labels: ["metric"],
    });
  }

  /**
   * Declares a metric, or finds it when it was declared alike. A counter is exported with `_total`; its bare name
   * keeps working.
   * @throws IntegrationError INVALID_INPUT for bad names or buckets; CONFLICT when it was declared differently
   */
  register<T extends MetricType, const L extends string = string>(
    name: string,
    type: T,
    options: MetricOptions<L> = {},
  ): MetricOf<L>[T] {
    checkNames(name, options.labels ?? []);
    if (options.buckets) checkBuckets(name, type, options.buckets);
    checkUnitAndTtl(name, options);
    const existing = this.find(name);
    if (existing) {
      this.#checkSame(existing, name, type, options);
      return existing as unknown as MetricOf<L>[T];
    }
    const metric = this.#make(name, type, options);
    this.#claim(metric, sampleNames(metric));
    this.#metrics.set(metric.name, metric);
    for (const listener of this.#listeners) listener(metric);
    return metric as unknown as MetricOf<L>[T];
  }

  /** Makes `alias` another name of a metric, for recording and for alert conditions. */
  alias(alias: string, name: string): void {
    this.#claim(this.get(name), [alias]);
  }

  /** By name or alias. */
  find(name: string): AnyMetric | undefined {
    const metric = this.#claims.get(name);
    // A histogram's sample names are taken, but they are not the metric.
    return metric?.type === "histogram" && name !== metric.name && isSampleName(metric, name) ? undefined : metric;
  }

  /** @throws IntegrationError INVALID_INPUT when there is no such metric, or it has another type */
  get<T extends MetricType>(name: string, type?: T): MetricOf[T] {
    const metric = this.find(name);
    if (metric && (type === undefined || metric.type === type)) return metric as MetricOf[T];
    const what = metric ? `is a ${metric.type}, not a ${type}` : "is not registered; call trackMetric first";
    throw new IntegrationError({ code: "INVALID_INPUT", message: `Metric ${name} ${what}` });
  }

  /** Records by name. Never throws: what cannot be taken is refused and counted. */
  record(name: string, value: number, labels?: Labels): void {
    const metric = this.find(name);
    if (metric) metric.record(value, labels);
    else this.#refuse("unknown_metric");
  }

  /**
   * What a scraper would see now under a name: a metric's, an alias or one sample's (`calls_duration_seconds_bucket`). A
   * histogram's own name gives all of its samples. Empty while nothing was recorded, or for a name that nobody declared.
   */
  read(name: string): readonly Sample[] {
    const metric = this.#claims.get(name);
    if (!metric) return [];
    const samples = samplesOf(metric);
    return metric.type === "histogram" && name !== metric.name && isSampleName(metric, name)
      ? samples.filter((sample) => sample.name === name)
      : samples;
  }

  /** True when some metric of ours has the name, as its own, as an alias or of one of its samples. */
  isTaken(name: string): boolean {
    return this.#claims.has(name);
  }

  /** Tells every metric, those of the future included. @returns a function that ends it */
  onMetric(listener: (metric: AnyMetric) => void): () => void {
    this.#listeners.add(listener);
    for (const metric of this.#metrics.values()) listener(metric);
    return () => void this.#listeners.delete(listener);
  }

  /** In order of registration. */
  all(): Iterable<AnyMetric> {
    return this.#metrics.values();
  }

  readonly #refuse = (reason: RefusalReason): void => this.#refused.inc(1, { reason });

  #make(name: string, type: MetricType, options: MetricOptions): AnyMetric {
    const exported = type === "counter" && !name.endsWith("_total") ? `${name}_total` : name;
    const { clock, maxSeriesPerMetric: maxSeries, seriesTtlMs } = this.#options;
    // What counts the metrics themselves must not count itself.
    const isOwn = exported === OVERFLOWED_METRIC || exported === EXPIRED_METRIC;
    const setup: MetricSetup = {
      name: exported,
      help: options.help ?? generatedHelp(exported, type),
      labelNames: [...(options.labels ?? [])],
      unit: options.unit ?? knownUnit(exported),
      openTelemetry: options.openTelemetry ?? {},
      maxSeries,
      ttlMs: isOwn || options.ttlMs === null ? undefined : (options.ttlMs ?? seriesTtlMs),
      now: () => clock.now(),
      wallNow: () => clock.wallNow(),
      refuse: this.#refuse,
      onOverflow: isOwn ? () => {} : () => this.#overflowed.inc(1, { metric: exported }),
      onExpired: () => this.#expired.inc(1, { metric: exported }),
    };
    switch (type) {
      case "counter":
        return new Counter(setup);
      case "gauge":
        return new Gauge(setup);
      case "histogram":
        return new Histogram(setup, [...(options.buckets ?? DEFAULT_BUCKETS)]);
      default:
        throw new IntegrationError({
          code: "INVALID_INPUT",
          message: `Metric ${name}: the type must be counter, gauge or histogram, got ${JSON.stringify(type satisfies never)}`,
        });
    }
  }

  #claim(metric: AnyMetric, names: readonly string[]): void {
    for (const name of names) {
      const owner = this.#claims.get(name);
      if (owner && owner !== metric)
        throw conflict(metric.name, `the name ${name} already belongs to the ${owner.type} ${owner.name}`);
    }
    for (const name of names) this.#claims.set(name, metric);
  }

  #checkSame(existing: AnyMetric, name: string, type: MetricType, options: MetricOptions): void {
    if (existing.type !== type) throw conflict(name, `it is registered as a ${existing.type}, got ${type}`);
    if (options.labels && !sameMembers(options.labels, existing.labelNames))
      throw conflict(name, `it has the labels [${existing.labelNames.join(", ")}], got [${options.labels.join(", ")}]`);
    if (options.buckets && existing.type === "histogram" && !sameMembers(options.buckets, existing.buckets))
      throw conflict(name, `it has the buckets [${existing.buckets.join(", ")}], got [${options.buckets.join(", ")}]`);
  }
}

/** Two metrics with a sample name in common would make an exposition that no scraper takes. */
function sampleNames(metric: Metric): readonly string[] {
  const { name } = metric;
  if (metric.type === "counter") return [name, name.slice(0, -"_total".length)];
  return metric.type === "histogram" ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
}

const isSampleName = (metric: Metric, name: string): boolean => sampleNames(metric).includes(name);

function sameMembers<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((member) => b.includes(member));
}

function generatedHelp(name: string, type: MetricType): string {
  const subject = name
    .replace(/_total$/, "")
    .replaceAll("_", " ")
    .trim();
  return `${subject.charAt(0).toUpperCase()}${subject.slice(1)} (${type}).`;
}

function checkBuckets(name: string, type: MetricType, buckets: readonly number[]): void {
  if (type === "histogram" && areBounds(buckets)) return;
  const problem =
    type === "histogram"
      ? `buckets must be 1 to ${MAX_BUCKETS} finite ascending numbers without +Inf, got [${buckets.join(", ")}]`
      : `a ${type} has no buckets`;
  throw new IntegrationError({ code: "INVALID_INPUT", message: `Metric ${name}: ${problem}` });
}

function checkUnitAndTtl(name: string, { unit, ttlMs }: MetricOptions): void {
  const problems: string[] = [];
  if (unit !== undefined && !name.replace(/_total$/, "").endsWith(`_${unit}`))
    problems.push(`the name must end in its unit, _${unit} (_${unit}_total for a counter)`);
  if (ttlMs !== undefined && ttlMs !== null && !(ttlMs >= 1_000))
    problems.push(`ttlMs must be a number of at least 1000, or null, got ${String(ttlMs)}`);
  if (problems.length > 0)
    throw new IntegrationError({ code: "INVALID_INPUT", message: `Metric ${name}: ${problems.join("; ")}` });
}

/** Base units that names end in by convention. */
function knownUnit(name: string): string | undefined {
  return /_(seconds|bytes|ratio)(?:_total)?$/.exec(name)?.[1];
}

function conflict(name: string, problem: string): IntegrationError {
  return new IntegrationError({ code: "CONFLICT", message: `Metric ${name} is declared differently: ${problem}` });
}
