import { type FaultPlan } from "enhanced-integration/local";

const kinds = [
  { kind: "reset", phase: "before" },
  { kind: "status", status: 429, retryAfterSeconds: 1 },
  { kind: "reset", phase: "after" },
  { kind: "status", status: 503 },
  { kind: "stall" },
] as const;

/**
 * What goes wrong half way, in each service: a connection cut before and after the work was done, a call that never
 * answers, a 429 that says when to come back, and a 503. Some requests pass between two faults, as in life.
 */
export function injectFaults(faults: FaultPlan): void {
  for (const service of ["neon", "supabase", "tinyfish", "ollama"] as const)
    for (const fault of kinds) faults.inject(service, fault, { skip: service === "ollama" ? 0 : 1 });
}
