import { type CircuitState } from "./breaker-options.ts";

const gravity: Readonly<Record<CircuitState, number>> = { closed: 0, "half-open": 1, open: 2, isolated: 3 };

/** The one that holds back most: what is shown of a service whose parts have circuits of their own. */
export function worstCircuit<T extends { readonly state: CircuitState }>(circuits: readonly T[]): T | undefined {
  return circuits.reduce<T | undefined>(
    (worst, circuit) => (worst && gravity[worst.state] >= gravity[circuit.state] ? worst : circuit),
    undefined,
  );
}
