import { type Clock, nextTurn } from "../core/index.ts";
import { type HostMetrics } from "./interop/host-metrics.ts";
import { foreignText } from "./interop/render-foreign.ts";
import { type ProcessMetrics } from "./metrics/process-metrics.ts";
import { type MetricRegistry } from "./metrics/registry.ts";
import { type RenderOptions, renderMetrics } from "./metrics/render.ts";

/** Writes everything that a scraper is told: our metrics, then those of the host's registries that were included. */
export class MetricsExport {
  readonly #registry: MetricRegistry;
  readonly #process: ProcessMetrics | undefined;
  readonly #clock: Clock;
  readonly #hosts: HostMetrics;

  constructor(registry: MetricRegistry, processMetrics: ProcessMetrics | undefined, hosts: HostMetrics, clock: Clock) {
    this.#registry = registry;
    this.#process = processMetrics;
    this.#hosts = hosts;
    this.#clock = clock;
  }

  async *stream(options: RenderOptions): AsyncGenerator<string, void, undefined> {
    const asked = this.#clock.now();
    await nextTurn();
    this.#process?.scraped(this.#clock.now() - asked);
    yield* renderMetrics(this.#registry.all(), options, this.#clock);
    yield* this.#foreign(options.format ?? "prometheus");
    if (options.format === "openmetrics") yield "# EOF\n";
  }

  async *#foreign(format: "prometheus" | "openmetrics"): AsyncGenerator<string, void, undefined> {
    for (const family of await this.#hosts.families()) {
      // Two families of one name make an exposition that no scraper takes.
      if (this.#registry.isTaken(family.name)) continue;
      for (const piece of foreignText(family, format)) {
        yield piece;
        await nextTurn();
      }
    }
  }
}
