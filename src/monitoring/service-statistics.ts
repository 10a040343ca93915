import { type IntegrationEvents } from "../core/index.ts";
import { LatencySketch } from "./metrics/latency-sketch.ts";

/** How one service did since the start. */
export interface ServiceSummary {
  /** Calls that finished. */
  readonly count: number;
  /** Those of them that failed. */
  readonly errors: number;
  readonly retries: number;
  /** Median duration, within 2 %. */
  readonly p50Ms: number;
  readonly p95Ms: number;
}

interface Statistics {
  count: number;
  errors: number;
  retries: number;
  readonly durations: LatencySketch;
}

/** Services are few; a host that made names up per request would otherwise fill the memory. */
const MAX_SERVICES = 200;

/**
 * Counts and quantiles per service, readable in code. The exported histogram's buckets are too coarse for a median
 * (2.5 wide); a sketch with logarithmic buckets is exact to 2 % in 5 kB.
 */
export class ServiceStatistics {
  readonly #services = new Map<string, Statistics>();

  finished({ service, outcome, durationMs }: IntegrationEvents["call.finished"]): void {
    const statistics = this.#of(service);
    statistics.count += 1;
    if (outcome === "error") statistics.errors += 1;
    statistics.durations.add(durationMs);
  }

  retried(service: string): void {
    this.#of(service).retries += 1;
  }

  summary(): Record<string, ServiceSummary> {
    const finished = [...this.#services].filter(([, { count }]) => count > 0);
    return Object.fromEntries(
      finished.map(([service, { count, errors, retries, durations }]) => [
        service,
        { count, errors, retries, p50Ms: durations.quantile(0.5), p95Ms: durations.quantile(0.95) },
      ]),
    );
  }

  #of(service: string): Statistics {
    const known = this.#services.get(service);
    if (known) return known;
    const key = this.#services.size < MAX_SERVICES ? service : "__overflow__";
    let statistics = this.#services.get(key);
    if (!statistics) {
      statistics = { count: 0, errors: 0, retries: 0, durations: new LatencySketch() };
      this.#services.set(key, statistics);
    }
    return statistics;
  }
}
