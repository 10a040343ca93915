import { type Integration } from "enhanced-integration";
import { type FaultCounts, type Service } from "./faults.ts";
import { type Recount } from "./recount.ts";

/** What `--json` prints. */
export interface DemoSummary extends Recount {
  /** Nothing lost, nothing twice, everything embedded, every document there. */
  readonly ok: boolean;
  /** What this run itself wrote, by the answers it got. */
  readonly stored: {
    readonly inserted: number;
    readonly updated: number;
    readonly unchanged: number;
    readonly embedded: number;
  };
  /** True if this run went on with one that was cut short. */
  readonly resumed: boolean;
  readonly skippedRows: readonly { readonly line: number; readonly problem: string }[];
  readonly zipcodes: number;
  readonly alert: string;
  readonly alertMatches: number;
  readonly documents: number;
  readonly faults: Readonly<Record<Service, FaultCounts>>;
  readonly query: string;
  readonly hits: readonly {
    readonly title: string;
    readonly price: number;
    readonly zipcode: string | null;
    readonly score: number;
  }[];
  readonly seconds: number;
  readonly peakMemoryMb: number;
  readonly calls: Readonly<Record<string, ServiceFigures>>;
}

export interface ServiceFigures {
  readonly count: number;
  /** Calls that gave up; the job took them up again. */
  readonly errors: number;
  readonly retries: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly breaker: string;
}

export function callFigures(integration: Integration): Record<string, ServiceFigures> {
  const { breakers } = integration.describe();
  return Object.fromEntries(
    Object.entries(integration.monitoring.serviceSummary()).map(([service, figures]) => [
      service,
      {
        ...figures,
        p50Ms: round(figures.p50Ms, 1),
        p95Ms: round(figures.p95Ms, 1),
        breaker: breakers[service] ?? "closed",
      },
    ]),
  );
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
