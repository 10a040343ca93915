import { type Clock, type TimerHandle } from "../../core/index.ts";
import { type SeriesReading } from "../alerts/history/series-source.ts";
import { type ForeignFamily, type PromClientRegistry, readFrom } from "./prom-client.ts";

/** A registry whose collectors take longer is told without, and its rules have no data: scrapes and checks go on. */
const MAX_WAIT_MS = 5_000;

const histogramSample = /^(.*)_(?:bucket|sum|count)$/;

/** The registries of a host that were included: for exports as they are, for alert conditions as they were read last. */
export class HostMetrics {
  readonly #clock: Clock;
  readonly #onFault: () => void;
  readonly #registries = new Set<PromClientRegistry>();
  #readings: ReadonlyMap<string, readonly SeriesReading[]> = new Map();

  /** @param onFault told of each registry that could not be read */
  constructor(clock: Clock, onFault: () => void) {
    this.#clock = clock;
    this.#onFault = onFault;
  }

  /** @returns a function that ends it */
  include(registry: PromClientRegistry): () => void {
    this.#registries.add(registry);
    return () => void this.#registries.delete(registry);
  }

  /** Every family, each name once: the first registry's. */
  async families(): Promise<ForeignFamily[]> {
    const byName = new Map<string, ForeignFamily>();
    for (const registry of this.#registries)
      for (const family of await this.#read(registry)) if (!byName.has(family.name)) byName.set(family.name, family);
    return [...byName.values()];
  }

  /** Reads the metrics that conditions name, for {@link read}. Where the host has none of them, nothing is asked. */
  async refresh(names: Iterable<string>): Promise<void> {
    const wanted = new Set([...names].filter((name) => this.resolve(name) !== undefined));
    const readings = new Map<string, SeriesReading[]>();
    if (wanted.size > 0)
      for (const { samples } of await this.families())
        for (const { name, labels, value } of samples) {
          if (!wanted.has(name) || Number.isNaN(value)) continue;
          const reading = { labels: Object.fromEntries(labels.filter(([, text]) => text !== "")), value };
          const ofName = readings.get(name);
          if (ofName) ofName.push(reading);
          else readings.set(name, [reading]);
        }
    this.#readings = readings;
  }

  /** As they were at the last {@link refresh}. */
  read(name: string): readonly SeriesReading[] {
    return this.#readings.get(name) ?? [];
  }

  /** The name, where a host has a metric of it, or one whose sample it is. */
  resolve(name: string): string | undefined {
    if (this.#find(name) !== undefined) return name;
    const base = histogramSample.exec(name)?.[1];
    const type = base === undefined ? undefined : typeOf(this.#find(base));
    return type === "histogram" || type === "summary" ? name : undefined;
  }

  isHistogram(name: string): boolean {
    return typeOf(this.#find(name)) === "histogram";
  }

  #find(name: string): unknown {
    for (const registry of this.#registries) {
      const found = this.#named(registry, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A registry that throws has none: it must end no check, and no process. */
  #named(registry: PromClientRegistry, name: string): unknown {
    try {
      return registry.getSingleMetric(name);
    } catch {
      this.#onFault();
      return undefined;
    }
  }

  async #read(registry: PromClientRegistry): Promise<readonly ForeignFamily[]> {
    let timer: TimerHandle | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = this.#clock.setTimer(() => resolve(undefined), MAX_WAIT_MS);
    });
    // One collector of the host's that throws spoils the answer of all of them.
    const families = await Promise.race([readFrom(registry).catch(() => undefined), late]);
    timer?.cancel();
    if (!families) this.#onFault();
    return families ?? [];
  }
}

function typeOf(metric: unknown): unknown {
  return (metric as { readonly type?: unknown } | undefined)?.type;
}
