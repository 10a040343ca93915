import { type Clock } from "../../core/index.ts";
import { type Decision, gcraDecision, gcraRate } from "../gcra.ts";
import { type ResolvedLimit, type ResolvedPolicy } from "../limit-store.ts";
import { MemoryLimitStore } from "../memory-limit-store.ts";
import { weakestDecision } from "../weakest-policy.ts";

/** Decides while Redis does not. */
export type Fallback = (limit: ResolvedLimit, key: string, cost: number, retryAfterMs: number) => Decision;

/** Lets everything pass. */
export const openFallback: Fallback = (limit, _key, cost) => {
  const rates = limit.policies.map(({ rate }) => rate);
  const used = rates.map(({ ticksPerToken }) => cost * ticksPerToken);
  return { ...weakestDecision(limit, rates, used, cost, true), degraded: "open" };
};

/** Lets nothing pass until Redis is asked again. */
export const closedFallback: Fallback = ({ policies: [{ rate }] }, _key, cost, retryAfterMs) => {
  const decision = gcraDecision(rate, 0, cost, false);
  return { ...decision, remaining: 0, retryAfterMs, resetMs: retryAfterMs, degraded: "closed" };
};

/** Lets this process's share of the fleet's limit pass, from buckets of its own. */
export function localShareFallback(share: number, clock: Clock, maxKeys: number): Fallback {
  const store = new MemoryLimitStore({ clock, maxKeys });
  const shares = new WeakMap<ResolvedLimit, ResolvedLimit>();
  return (limit, key, cost) => {
    const own = shares.get(limit) ?? shareOf(limit, share);
    shares.set(limit, own);
    return { ...store.decide(own, key, cost), degraded: "local-share" };
  };
}

/** 98 × (1 / 49) is 1.9999999999999998. */
const ROUNDING = 1e-9;

/** Rounded in the fleet's favour; but a bucket of less than one token would never admit anything. */
export function shareOf(limit: ResolvedLimit, share: number): ResolvedLimit {
  const scaled = (policy: ResolvedPolicy): ResolvedPolicy => {
    const windowMs = Math.ceil(policy.windowMs / share);
    const burst = Math.max(1, Math.floor(policy.burst * share + ROUNDING));
    return { ...policy, windowMs, burst, rate: gcraRate(policy.requests, windowMs, burst) };
  };
  const [first, ...rest] = limit.policies;
  const policies = [scaled(first), ...rest.map(scaled)] as const;
  return { ...limit, policies, burst: Math.min(...policies.map(({ burst }) => burst)) };
}
