import { isDeepStrictEqual } from "node:util";
import { type Redis } from "ioredis";
import { type Decision, MemoryLimitStore, type ResolvedLimit } from "../../src/resilience/index.ts";
import { resolveLimit } from "../../src/resilience/rate-limit-options.ts";
import { seededRandom } from "../../src/testing/index.ts";
import { redisUnderTest } from "./virtual-redis-time.ts";

export interface Comparison {
  readonly decisions: number;
  readonly denied: number;
  /** Decisions about limits of more than one policy. */
  readonly severalPolicies: number;
  /** The first few, with what was asked and both answers. */
  readonly differences: readonly object[];
}

const KEYS = 40;
const BATCH = 200;

/**
 * Puts the same random questions to the memory store and to the store in Redis, both in the same virtual time, and
 * compares the whole answers. Rates are awkward on purpose; gaps are from none to beyond a refill.
 */
export async function compareWithMemory(client: Redis, count: number, seed: number): Promise<Comparison> {
  const random = seededRandom(seed);
  const below = (max: number) => Math.floor(random.next() * max);
  const { store, clock } = redisUnderTest(client);
  const memory = new MemoryLimitStore({ clock });
  const limits = Array.from({ length: 30 }, (_, index) => randomLimit(`limit-${index}`, below));

  const differences: object[] = [];
  let [decisions, denied, severalPolicies] = [0, 0, 0];
  let realMs = performance.now();
  while (decisions < count) {
    const size = Math.min(BATCH, count - decisions);
    const asked = Array.from({ length: size }, () => {
      const limit = limits[below(limits.length)]!;
      return { limit, key: `key-${below(KEYS)}`, cost: Math.min(below(4), limit.burst) };
    });
    const answers = await Promise.all(asked.map(async ({ limit, key, cost }) => store.decide(limit, key, cost)));
    for (const [index, { limit, key, cost }] of asked.entries()) {
      const expected: Decision = memory.decide(limit, key, cost);
      if (!isDeepStrictEqual(answers[index], expected) && differences.length < 5)
        differences.push({ at: clock.now(), limit: limit.id, key, cost, expected, received: answers[index] });
      if (!expected.allowed) denied += 1;
      if (limit.policies.length > 1) severalPolicies += 1;
    }
    decisions += size;
    // Never slower than real time, in which the keys expire.
    const now = performance.now();
    const gapMs = [0, below(20), below(2_000), below(200_000)][below(4)] ?? 0;
    await clock.advance(Math.max(gapMs, Math.ceil(now - realMs)));
    realMs = now;
  }
  return { decisions, denied, severalPolicies, differences };
}

function randomLimit(name: string, below: (max: number) => number): ResolvedLimit {
  const policy = () => ({
    requests: 1 + below([3, 100, 9_973][below(3)]!),
    windowMs: [7, 1_000, 60_000, 1 + below(500_000), 86_400_000][below(5)]!,
    burst: 1 + below(12),
  });
  const policies = Array.from({ length: 1 + below(3) }, policy);
  return resolveLimit(name, policies);
}
