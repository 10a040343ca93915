import { setImmediate as nextTurn } from "node:timers/promises";
import { RateLimiter } from "enhanced-integration/resilience";
import { seededRandom } from "enhanced-integration/testing";
import { type Count } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { Differences } from "./differences.ts";
import { handClock } from "./hand-clock.ts";
import { LONGEST_MS, randomPolicies, randomQuestion } from "./random-limits.ts";
import { ReferenceLimit } from "./reference-bucket.ts";

/** Decisions per limit and per seed. */
const PER_LIMIT = 10_000;
const KEYS = 4;

/** The limiter's every answer, all its numbers included, against buckets in exact arithmetic. */
export async function gcraAgainstReference(decisions: Count): Promise<Figure[]> {
  const differences = new Differences();
  for (let seed = 1; differences.compared < decisions.run; seed += 1) {
    compareOne(seed, Math.min(PER_LIMIT, decisions.run - differences.compared), differences);
    await nextTurn();
  }
  return [differences.figure("answers that differ from the BigInt reference", decisions)];
}

function compareOne(seed: number, decisions: number, differences: Differences): void {
  const random = seededRandom(seed);
  const policies = randomPolicies(random);
  const clock = handClock();
  const limits = new RateLimiter({ clock, limits: { proved: policies } });
  const references = new Map<string, ReferenceLimit>();
  // A clock that steps back is no time passing, for any key.
  let latest = 0;
  for (let step = 0; step < decisions && latest < LONGEST_MS; step += 1) {
    const { stepMs, key, cost } = randomQuestion(random, policies, KEYS);
    clock.time = Math.max(0, clock.time + stepMs);
    latest = Math.max(latest, clock.time);
    const reference = references.get(key) ?? new ReferenceLimit(policies);
    references.set(key, reference);
    differences.compare(
      limits.check("proved", key, { cost }),
      reference.take(latest, cost),
      () => `seed ${seed}, step ${step}, ${JSON.stringify({ policies, key, cost, at: latest })}`,
    );
  }
}
