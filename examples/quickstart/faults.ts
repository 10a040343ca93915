import { type FaultPlan } from "enhanced-integration/local";

/**
 * What goes wrong half way, in each service: a connection cut before and after the work was done, a call that never
 * answers, a 429 that says when to come back, and a 503.
 */
export function injectFaults(faults: FaultPlan): void {
  for (const service of ["neon", "supabase", "tinyfish", "ollama"] as const) {
    faults.inject(service, { kind: "reset", phase: "before" });
    faults.inject(service, { kind: "status", status: 429, retryAfterSeconds: 1 });
    faults.inject(service, { kind: "reset", phase: "after" });
    faults.inject(service, { kind: "status", status: 503 });
    faults.inject(service, { kind: "stall" });
  }
}
