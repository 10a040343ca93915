import { type HostMetrics } from "../../interop/host-metrics.ts";
import { type MetricRegistry } from "../../metrics/registry.ts";
import { type SeriesReading, type SeriesSource } from "./series-source.ts";

const histogramSample = /^(.*)_(bucket|sum|count)$/;

/** Lets conditions read the metrics of our registry, and those of the host's that were included. Ours go first. */
export class RegistrySource implements SeriesSource {
  readonly #registry: MetricRegistry;
  readonly #hosts: HostMetrics;

  constructor(registry: MetricRegistry, hosts: HostMetrics) {
    this.#registry = registry;
    this.#hosts = hosts;
  }

  resolve(name: string): string | undefined {
    const metric = this.#registry.find(name);
    if (metric) return metric.name;
    // `x_count` of the histogram `x`, or of one that `x` is an alias of.
    const [, base, suffix] = histogramSample.exec(name) ?? [];
    const histogram = base === undefined ? undefined : this.#registry.find(base);
    return histogram?.type === "histogram" ? `${histogram.name}_${suffix}` : this.#hosts.resolve(name);
  }

  isHistogram(name: string): boolean {
    const metric = this.#registry.find(name);
    return metric ? metric.type === "histogram" : this.#hosts.isHistogram(name);
  }

  *names(): Iterable<string> {
    for (const { name, type } of this.#registry.all())
      if (type !== "histogram") yield name;
      else for (const suffix of ["bucket", "sum", "count"]) yield `${name}_${suffix}`;
  }

  read(name: string): readonly SeriesReading[] {
    return this.#registry.isTaken(name) ? this.#registry.read(name) : this.#hosts.read(name);
  }
}
