import { type Clock } from "../core/index.ts";
import { type Decision } from "./gcra.ts";
import { type ResolvedLimit } from "./limit-store.ts";

/** How far a limit is used up now. Plain data without keys: they may be users. */
export interface LimitUsage {
  /** Keys that have used some of it and not got all of that back. */
  readonly keys: number;
  /** Each policy as the key sees it that has used most of it; in the order of the limit's policies. */
  readonly policies: readonly PolicyUsage[];
}

export interface PolicyUsage {
  readonly name: string;
  /** Whole tokens taken, 0 to `limit`. */
  readonly used: number;
  /** Capacity of the bucket. */
  readonly limit: number;
  /** Until that key has all of them again. */
  readonly resetMs: number;
}

/** Keys that are remembered per limit; the one that was heard of longest ago goes first. */
const MAX_KEYS = 1_000;

interface Heard {
  readonly decision: Decision;
  /** On the monotonic clock, ms. */
  readonly at: number;
}

/**
 * What the decisions of a store that cannot be looked through have told this process: of the keys that it asked about
 * lately, and of a limit with several policies the weakest alone.
 */
export class HeardUsage {
  readonly #clock: Clock;
  readonly #heard = new Map<ResolvedLimit, Map<string, Heard>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hear(limit: ResolvedLimit, key: string, decision: Decision): void {
    // What a fallback decided says nothing about the buckets.
    if (decision.degraded) return;
    let keys = this.#heard.get(limit);
    if (!keys) this.#heard.set(limit, (keys = new Map<string, Heard>()));
    keys.delete(key);
    keys.set(key, { decision, at: this.#clock.now() });
    if (keys.size > MAX_KEYS) keys.delete(keys.keys().next().value as string);
  }

  of(limit: ResolvedLimit): LimitUsage {
    const now = this.#clock.now();
    const fullest = new Map<string, PolicyUsage>();
    let keys = 0;
    for (const [key, { decision, at }] of this.#heard.get(limit) ?? []) {
      const usage = laterUsage(decision, now - at, limit.policies[0].name);
      if (usage.resetMs === 0) this.#heard.get(limit)?.delete(key);
      else keys += 1;
      if (usage.resetMs >= (fullest.get(usage.name)?.resetMs ?? 0)) fullest.set(usage.name, usage);
    }
    return { keys, policies: limit.policies.flatMap(({ name }) => fullest.get(name) ?? []) };
  }
}

/** Buckets fill evenly: what is left of the reset is left of what was taken. */
function laterUsage({ limit, remaining, resetMs, policy }: Decision, agoMs: number, only: string): PolicyUsage {
  const leftMs = Math.max(0, resetMs - agoMs);
  const used = resetMs === 0 ? 0 : Math.ceil(((limit - remaining) * leftMs) / resetMs);
  return { name: policy ?? only, used, limit, resetMs: Math.ceil(leftMs) };
}
