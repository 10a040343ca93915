import { canonicalFloat } from "../metrics/histogram.ts";
import { type MetricType } from "../metrics/metric.ts";
import { type AnyMetric, type MetricRegistry } from "../metrics/registry.ts";
import { samplesOf } from "../metrics/sample.ts";

/** One value as prom-client keeps it. */
interface PromClientValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Of one sample of a histogram or summary, e.g. `x_bucket`. */
  readonly metricName?: string;
}

/** What prom-client's registry asks of a metric. */
interface PromClientMetric {
  name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly aggregator: "sum";
  get(): Promise<{ name: string; help: string; type: MetricType; aggregator: "sum"; values: PromClientValue[] }>;
  reset(): void;
}

/** The part of a prom-client `Registry` (15 and above) that we use; any other object of this shape does too. */
export interface PromClientRegistry {
  registerMetric(metric: never): void;
  getSingleMetric(name: string): unknown;
  removeSingleMetric(name: string): void;
  getMetricsAsJSON(): Promise<readonly object[]>;
}

/**
 * Shows our metrics in a host's prom-client registry, those of the future included. They are read when it is scraped.
 * @returns a function that takes them out again
 */
export function exposeTo(registry: MetricRegistry, host: PromClientRegistry): () => void {
  const shown = new Map<string, PromClientMetric>();
  const release = registry.onMetric((metric) => {
    // A name that the host has already stays the host's: two of its registrations would throw.
    if (host.getSingleMetric(metric.name) !== undefined) return;
    const view = viewOf(metric);
    shown.set(metric.name, view);
    host.registerMetric(view as never);
  });
  return () => {
    release();
    for (const [name, view] of shown) if (host.getSingleMetric(name) === view) host.removeSingleMetric(name);
  };
}

function viewOf(metric: AnyMetric): PromClientMetric {
  const { help, type } = metric;
  return {
    // prom-client takes `_total` off here once it writes OpenMetrics, and puts it back on each line.
    name: metric.name,
    ...{ help, type, aggregator: "sum" },
    get() {
      const { name } = this;
      const values = samplesOf(metric).map(({ name: sample, labels, value }) => ({
        ...{ value, labels },
        ...(sample !== metric.name && { metricName: sample }),
      }));
      return Promise.resolve({ name, help, type, aggregator: "sum" as const, values });
    },
    // The host's `resetMetrics` is the host's affair: our counters never go back.
    reset() {},
  };
}

/** A family of a host's registry, ready to be written. */
export interface ForeignFamily {
  /** As in the text format. */
  readonly name: string;
  readonly help: string;
  readonly type: MetricType | "summary";
  readonly samples: readonly {
    readonly name: string;
    readonly labels: readonly (readonly [name: string, value: string])[];
    readonly value: number;
  }[];
}

/** Reads all of a host's prom-client metrics. What has no shape that we know is left out. */
export async function readFrom(host: PromClientRegistry): Promise<ForeignFamily[]> {
  return (await host.getMetricsAsJSON()).flatMap((given) => {
    const { name, help, type, values } = given as Partial<{
      name: string;
      help: string;
      type: string;
      values: readonly PromClientValue[];
    }>;
    if (typeof name !== "string" || !isKnownType(type)) return [];
    // Once it has written OpenMetrics, prom-client tells counters without `_total`.
    const isCut = type === "counter" && !host.getSingleMetric(name) && host.getSingleMetric(`${name}_total`);
    const fullName = isCut ? `${name}_total` : name;
    const samples = (values ?? []).map(({ value, labels, metricName = fullName }) => ({
      name: metricName,
      labels: Object.entries(labels).map(([label, text]) => [label, labelText(label, text)] as const),
      value: Number(value),
    }));
    return [{ name: fullName, help: help ?? name, type, samples }];
  });
}

function isKnownType(type: unknown): type is ForeignFamily["type"] {
  return ["counter", "gauge", "histogram", "summary"].includes(type as string);
}

/** Bounds and quantiles are numbers there; one spelling for both formats keeps the series the same. */
function labelText(label: string, value: string | number): string {
  const isBound = (label === "le" || label === "quantile") && typeof value === "number";
  return isBound ? canonicalFloat(value) : String(value);
}
