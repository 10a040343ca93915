import { circuitName } from "../core/index.ts";
import { type CircuitState, type Pipeline, type ServiceReport, worstCircuit } from "../resilience/index.ts";
import { type HeldStatus, type PartStatus } from "./status-snapshot.ts";

type Held = HeldStatus & { readonly parts: readonly PartStatus[] };

/** What the pipeline holds of each service, by name: all of its parts together, and each. */
export function heldByService(pipeline: Pipeline): Map<string, Held> {
  const services = new Map<string, Held>();
  let whole: HeldStatus = nothingHeld;
  for (const report of pipeline.services()) {
    const { name, part } = report;
    const held = heldOf(report);
    if (part === undefined) {
      whole = held;
      services.set(name, { ...held, parts: [] });
    } else {
      const breaker = whole.breaker?.state === "isolated" ? whole.breaker : held.breaker;
      const { parts, ...known } = services.get(name) ?? nothingHeld;
      services.set(name, { ...together(known, held), parts: [...parts, { name: part, ...held, breaker }] });
    }
  }
  return services;
}

/** Of a service that the pipeline does not know. */
export const nothingHeld: Held = {
  ...{ breaker: null, inFlight: 0, waiting: 0, maxInFlight: null, retryBudget: null },
  parts: [],
};

/** By service, the worst of its circuits; and by `service.part`. */
export function circuitStates(pipeline: Pipeline): Record<string, CircuitState> {
  const states: Record<string, CircuitState> = {};
  for (const [name, { breaker, parts }] of heldByService(pipeline)) {
    if (breaker) states[name] = breaker.state;
    for (const part of parts) if (part.breaker) states[circuitName(name, part.name)] = part.breaker.state;
  }
  return states;
}

function heldOf({ breaker, inFlight, waiting, max, budget }: ServiceReport): HeldStatus {
  return {
    breaker: breaker ? { state: breaker.state, remainingMs: breaker.remainingMs, forMs: breaker.forMs } : null,
    ...{ inFlight, waiting, maxInFlight: Number.isFinite(max) ? max : null },
    retryBudget: budget ? { available: budget.available, capacity: budget.capacity } : null,
  };
}

/** Sums, and of circuits and budgets those that are worst off. */
function together(one: HeldStatus, other: HeldStatus): HeldStatus {
  return {
    breaker: worstCircuit([one.breaker, other.breaker].filter((breaker) => breaker !== null)) ?? null,
    inFlight: one.inFlight + other.inFlight,
    waiting: one.waiting + other.waiting,
    maxInFlight: one.maxInFlight === null || other.maxInFlight === null ? null : one.maxInFlight + other.maxInFlight,
    retryBudget: lower(one.retryBudget, other.retryBudget),
  };
}

function lower(one: HeldStatus["retryBudget"], other: HeldStatus["retryBudget"]): HeldStatus["retryBudget"] {
  if (one === null || other === null) return one ?? other;
  return other.available * one.capacity < one.available * other.capacity ? other : one;
}
