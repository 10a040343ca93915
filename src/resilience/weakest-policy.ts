import { type Decision, gcraDecision, type GcraRate } from "./gcra.ts";
import { type ResolvedLimit } from "./limit-store.ts";

/**
 * The answer of a limit's weakest policy: of a denial the one that takes longest to admit the call, otherwise the one
 * with the fewest tokens left (of equals, the one that takes longest to be full).
 *
 * @param rates of the limit's policies, in the ticks of the store
 * @param used what is missing in each bucket after the decision, in the same ticks
 */
export function weakestDecision(
  limit: ResolvedLimit,
  rates: readonly GcraRate[],
  used: ArrayLike<number>,
  cost: number,
  allowed: boolean,
): Decision {
  const [only] = rates;
  if (rates.length === 1 && only) return gcraDecision(only, used[0] ?? 0, cost, allowed);
  let weakest: Decision | undefined;
  for (const [index, rate] of rates.entries()) {
    const ticks = used[index] ?? 0;
    const admits = allowed || ticks + cost * rate.ticksPerToken <= rate.capacityTicks;
    const decision = gcraDecision(rate, ticks, cost, admits);
    if (weakest && !isWeaker(decision, weakest)) continue;
    weakest = { ...decision, policy: limit.policies[index]?.name ?? "" };
  }
  return weakest!;
}

function isWeaker(one: Decision, other: Decision): boolean {
  if (one.retryAfterMs !== other.retryAfterMs) return one.retryAfterMs > other.retryAfterMs;
  return one.remaining < other.remaining || (one.remaining === other.remaining && one.resetMs > other.resetMs);
}
