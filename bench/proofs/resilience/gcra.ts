import { setImmediate as nextTurn } from "node:timers/promises";
import { RateLimiter } from "enhanced-integration/resilience";
import { seededRandom } from "enhanced-integration/testing";
import { type Figure } from "../../support/report.ts";
import { handClock } from "./hand-clock.ts";
import { randomLimit, randomQuestion } from "./random-limits.ts";
import { difference, ReferenceBucket } from "./reference-bucket.ts";

/** Decisions per limit and per seed. */
const PER_LIMIT = 10_000;
const KEYS = 4;

/** The limiter's every answer against a bucket in exact arithmetic: allowed, remaining, retryAfterMs and resetMs. */
export async function gcraAgainstReference(decisions: number): Promise<Figure[]> {
  let compared = 0;
  let allowed = 0;
  let differences = 0;
  for (let seed = 1; compared < decisions; seed += 1) {
    const random = seededRandom(seed);
    const limit = randomLimit(random);
    const clock = handClock();
    const limits = new RateLimiter({ clock, limits: { proved: limit } });
    const references = new Map<string, ReferenceBucket>();
    // A clock that steps back is no time passing, for any key.
    let latest = 0;
    for (let step = 0; step < PER_LIMIT && compared < decisions; step += 1) {
      const { stepMs, key, cost } = randomQuestion(random, limit, KEYS);
      clock.time = Math.max(0, clock.time + stepMs);
      latest = Math.max(latest, clock.time);
      const reference = references.get(key) ?? new ReferenceBucket(limit);
      references.set(key, reference);
      const answer = limits.check("proved", key, { cost });
      const differs = difference(answer, reference.take(latest, cost));
      compared += 1;
      if (answer.allowed) allowed += 1;
      if (differs === undefined) continue;
      differences += 1;
      if (differences <= 3)
        console.log(`  seed ${seed}, step ${step}, ${JSON.stringify({ ...limit, key, cost, at: latest })}: ${differs}`);
    }
    await nextTurn();
  }
  const note = `${compared.toLocaleString("en-US")} decisions, ${percent(allowed / compared)} allowed`;
  return [{ name: "answers that differ from the BigInt reference", value: differences, unit: "", atMost: 0, note }];
}

const percent = (share: number) => `${Math.round(share * 100)} %`;
