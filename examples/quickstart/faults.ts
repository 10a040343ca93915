import { type Fault, type FaultHandle, type FaultPlan } from "enhanced-integration/local";

export const services = ["neon", "supabase", "tinyfish", "ollama"] as const;
export type Service = (typeof services)[number];

/** What goes wrong in each service: a cut before and one after the work was done, a silence, and two refusals. */
const faults: readonly Fault[] = [
  { kind: "reset", phase: "before" },
  { kind: "status", status: 429, retryAfterSeconds: 1 },
  { kind: "stall" },
  { kind: "reset", phase: "after" },
  { kind: "status", status: 503 },
];

/** How many requests of a service suffered which fault. */
export interface FaultCounts {
  readonly reset: number;
  readonly stall: number;
  readonly 429: number;
  readonly 503: number;
}

/** Faults that wait for the next requests of all four services. Some requests pass between two faults, as in life. */
export class Disturbance {
  readonly #handles = new Map<Service, readonly FaultHandle[]>();

  begin(plan: FaultPlan): void {
    for (const service of services) {
      // These two are asked so seldom that they would never come to the last fault.
      const skip = service === "ollama" || service === "supabase" ? 0 : 1;
      this.#handles.set(
        service,
        faults.map((fault) => plan.inject(service, fault, { skip })),
      );
    }
  }

  /** Takes back what hit nothing: a run that has nothing to embed leaves the model's faults over. */
  end(): void {
    for (const handles of this.#handles.values()) for (const handle of handles) handle.cancel();
  }

  get begun(): boolean {
    return this.#handles.size > 0;
  }

  counts(): Record<Service, FaultCounts> {
    const count = (service: Service): FaultCounts => {
      const fired = (is: (fault: Fault) => boolean) =>
        (this.#handles.get(service) ?? []).reduce((sum, { fault, fired }) => sum + (is(fault) ? fired : 0), 0);
      const status = (code: number) => fired((fault) => fault.kind === "status" && fault.status === code);
      return {
        reset: fired(({ kind }) => kind === "reset"),
        stall: fired(({ kind }) => kind === "stall"),
        429: status(429),
        503: status(503),
      };
    };
    return Object.fromEntries(services.map((service) => [service, count(service)])) as Record<Service, FaultCounts>;
  }
}
