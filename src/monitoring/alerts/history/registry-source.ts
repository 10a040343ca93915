import { type MetricRegistry } from "../../metrics/registry.ts";
import { type SeriesReading, type SeriesSource } from "./series-source.ts";

const histogramSample = /^(.*)_(bucket|sum|count)$/;

/** Lets conditions read the metrics of a registry. */
export class RegistrySource implements SeriesSource {
  readonly #registry: MetricRegistry;

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
  }

  resolve(name: string): string | undefined {
    const metric = this.#registry.find(name);
    if (metric) return metric.name;
    // `x_count` of the histogram `x`, or of one that `x` is an alias of.
    const [, base, suffix] = histogramSample.exec(name) ?? [];
    const histogram = base === undefined ? undefined : this.#registry.find(base);
    return histogram?.type === "histogram" ? `${histogram.name}_${suffix}` : undefined;
  }

  isHistogram(name: string): boolean {
    return this.#registry.find(name)?.type === "histogram";
  }

  *names(): Iterable<string> {
    for (const { name, type } of this.#registry.all())
      if (type !== "histogram") yield name;
      else for (const suffix of ["bucket", "sum", "count"]) yield `${name}_${suffix}`;
  }

  read(name: string): readonly SeriesReading[] {
    return this.#registry.read(name);
  }
}
