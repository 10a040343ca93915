import { type Clock, nextTurn } from "../core/index.ts";
import { type PromClientRegistry, readFrom } from "./interop/prom-client.ts";
import { foreignText } from "./interop/render-foreign.ts";
import { type ProcessMetrics } from "./metrics/process-metrics.ts";
import { type MetricRegistry } from "./metrics/registry.ts";
import { type RenderOptions, renderMetrics } from "./metrics/render.ts";

/** Writes everything that a scraper is told: our metrics, then those of the host's registries that were included. */
export class MetricsExport {
  readonly #registry: MetricRegistry;
  readonly #process: ProcessMetrics | undefined;
  readonly #clock: Clock;
  readonly #included = new Set<PromClientRegistry>();

  constructor(registry: MetricRegistry, processMetrics: ProcessMetrics | undefined, clock: Clock) {
    this.#registry = registry;
    this.#process = processMetrics;
    this.#clock = clock;
  }

  include(host: PromClientRegistry): () => void {
    this.#included.add(host);
    return () => void this.#included.delete(host);
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
    const told = new Set<string>();
    for (const host of this.#included)
      for (const family of await readFrom(host)) {
        // Two families of one name make an exposition that no scraper takes: ours is told, or else the first host's.
        if (this.#registry.isTaken(family.name) || told.has(family.name)) continue;
        told.add(family.name);
        yield foreignText(family, format);
        await nextTurn();
      }
  }
}
