import { type Clock } from "enhanced-integration";
import { RateLimiter, RedisLimitStore } from "enhanced-integration/resilience";
import { seededRandom } from "enhanced-integration/testing";
import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Differences } from "./differences.ts";
import { handClock } from "./hand-clock.ts";
import { clientAtTime } from "./client-at-time.ts";
import { LONGEST_MS, randomPolicies, randomQuestion } from "./random-limits.ts";

const PER_LIMIT = 1_000;
const KEYS = 4;
/** Limits compared at a time, so that a round trip's wait is not lost. */
const SIDE_BY_SIDE = 16;
/** A machine that stalls is no outage of Redis. */
const PATIENCE_MS = 10_000;

/**
 * The same questions at the same times to the store in memory and to the script in a real Redis.
 *
 * @param decisions made by the script; denials that the store remembers and repeats by itself are compared on top
 */
export async function memoryAgainstRedis(decisions: Count): Promise<Figure[]> {
  await using server = await RedisServer.start();
  const redis = server.client({ autoPipelining: true });
  const differences = new Differences();
  let seed = 0;
  let scripted = 0;
  const worker = async () => {
    while (scripted < decisions.run) {
      seed += 1;
      await compareOne(seed, redis, differences, () => (scripted += 1));
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  return [
    differences.figure("answers of Redis that differ from those of memory", decisions),
    {
      name: "of them decided by the script",
      value: scripted,
      unit: "decisions",
      atLeast: decisions.run,
      note: counted(scripted, decisions, "decisions"),
    },
  ];
}

async function compareOne(
  seed: number,
  redis: Parameters<typeof clientAtTime>[0],
  differences: Differences,
  onScript: () => void,
): Promise<void> {
  const random = seededRandom(seed);
  const policies = randomPolicies(random);
  const clock = handClock();
  const limits = { proved: policies };
  const memory = new RateLimiter({ clock, limits });
  const store = new RedisLimitStore({
    client: clientAtTime(redis, () => clock.time, onScript),
    clock: { ...clock, now: () => clock.time, setTimer: realTimer },
    prefix: `proof:${seed}:`,
    decisionTimeoutMs: PATIENCE_MS,
    whenDown: "closed",
  });
  const shared = new RateLimiter({ store, limits });
  for (let step = 0; step < PER_LIMIT && clock.time < LONGEST_MS; step += 1) {
    const { stepMs, key, cost } = randomQuestion(random, policies, KEYS);
    // Forward only: the proof is that both count alike, not that they mistrust a clock alike.
    clock.time += Math.max(0, stepMs);
    const answer = await shared.checkAsync("proved", key, { cost });
    if (answer.degraded) throw new Error("Redis did not answer: nothing was compared");
    differences.compare(
      answer,
      memory.check("proved", key, { cost }),
      () => `seed ${seed}, step ${step}, ${JSON.stringify({ policies, key, cost, at: clock.time })}`,
    );
  }
}

const realTimer: Clock["setTimer"] = (fn, ms) => {
  const timer = setTimeout(fn, ms);
  return { cancel: () => clearTimeout(timer) };
};
