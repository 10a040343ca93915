import { Bulkhead } from "./bulkhead.ts";
import { type BreakerListener } from "./breaker-options.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import { type Clock, type Random } from "../core/index.ts";
import { type ResolvedServicePolicy } from "./policy.ts";
import { RetryBudget } from "./retry-budget.ts";

/** What the calls to one service share. */
export interface ServiceState {
  readonly name: string;
  readonly policy: ResolvedServicePolicy;
  readonly breaker: CircuitBreaker | undefined;
  readonly budget: RetryBudget | undefined;
  readonly bulkhead: Bulkhead;
}

export function serviceState(
  name: string,
  policy: ResolvedServicePolicy,
  ports: { readonly clock: Clock; readonly random: Random; readonly onEvent?: BreakerListener },
): ServiceState {
  return {
    name,
    policy,
    breaker: policy.breaker ? new CircuitBreaker({ service: name, ...policy.breaker, ...ports }) : undefined,
    budget: policy.budget ? new RetryBudget(policy.budget) : undefined,
    bulkhead: new Bulkhead(name, policy.concurrency),
  };
}
