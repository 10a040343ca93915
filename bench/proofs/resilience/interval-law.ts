import { setImmediate as nextTurn } from "node:timers/promises";
import { RateLimiter } from "enhanced-integration/resilience";
import { seededRandom } from "enhanced-integration/testing";
import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { handClock } from "./hand-clock.ts";
import { randomPolicy } from "./random-limits.ts";
import { type ReferencePolicy } from "./reference-bucket.ts";

interface Admission {
  readonly atMs: number;
  readonly cost: number;
}

const ASKED_PER_TRACE = 10_000;
const WINDOWS_PER_TRACE = 1_000;

/**
 * In every interval of `t` at most `burst + rate × t` is admitted. Checked on recorded traces of an impatient caller,
 * for all intervals that begin and end with an admission (no other one can be worse) and once more, plainly counted, for
 * random ones.
 */
export async function intervalLaw(traces: Count): Promise<Figure[]> {
  let admissions = 0;
  let intervals = 0;
  let broken = 0;
  let tight = 0;
  for (let seed = 1; seed <= traces.run; seed += 1) {
    const random = seededRandom(seed);
    const limit = randomPolicy(random);
    const trace = record(limit, random);
    admissions += trace.length;
    const worst = worstExcess(limit, trace);
    intervals += (trace.length * (trace.length + 1)) / 2;
    if (worst > 0n) broken += 1;
    if (worst === 0n) tight += 1;
    for (let window = 0; window < WINDOWS_PER_TRACE; window += 1) {
      const [from, to] = [randomTime(random, trace), randomTime(random, trace)].sort((a, b) => a - b) as [
        number,
        number,
      ];
      if (
        admittedWithin(trace, from, to) * limit.windowMs >
        limit.burst * limit.windowMs + limit.requests * (to - from)
      )
        broken += 1;
      intervals += 1;
    }
    await nextTurn();
  }
  const note = `${counted(traces.run, traces, "traces")}, ${written(admissions)} admissions, ${written(intervals)} intervals`;
  return [
    { name: "intervals in which more than burst + rate × t was admitted", value: broken, unit: "", atMost: 0, note },
    // Otherwise a limiter that refuses everything would pass as well.
    { name: "traces whose worst interval used the bound up", value: tight / traces.run, unit: "of all", atLeast: 0.5 },
  ];
}

const written = (count: number) => count.toLocaleString("en-US");

/** An impatient caller: asks all the time, in bursts and around the moment at which the next token comes. */
function record(limit: ReferencePolicy, random: { next(): number }): Admission[] {
  const clock = handClock();
  const limits = new RateLimiter({ clock, limits: { proved: limit } });
  const tokenMs = limit.windowMs / limit.requests;
  const admitted: Admission[] = [];
  for (let asked = 0; asked < ASKED_PER_TRACE; asked += 1) {
    if (random.next() < 0.5) clock.time += Math.round(random.next() * 2 * tokenMs);
    const cost = random.next() < 0.8 ? 1 : Math.min(limit.burst, 1 + Math.floor(random.next() * 5));
    if (limits.check("proved", "caller", { cost }).allowed) admitted.push({ atMs: clock.time, cost });
  }
  return admitted;
}

/**
 * The most that any interval admitted above its bound, in units of a token divided by the window; 0 if one meets it
 * exactly. One pass: an interval's excess is what its end has gathered less the least that any start had.
 */
function worstExcess({ requests, windowMs, burst }: ReferencePolicy, trace: readonly Admission[]): bigint {
  const token = BigInt(windowMs);
  let gathered = 0n;
  let least: bigint | undefined;
  let worst: bigint | undefined;
  for (const { atMs, cost } of trace) {
    const refilled = BigInt(atMs) * BigInt(requests);
    const start = gathered - refilled;
    if (least === undefined || start < least) least = start;
    gathered += BigInt(cost) * token;
    const excess = gathered - refilled - least - BigInt(burst) * token;
    if (worst === undefined || excess > worst) worst = excess;
  }
  return worst ?? 0n;
}

function admittedWithin(trace: readonly Admission[], fromMs: number, toMs: number): number {
  return trace.reduce((sum, { atMs, cost }) => (atMs >= fromMs && atMs <= toMs ? sum + cost : sum), 0);
}

function randomTime(random: { next(): number }, trace: readonly Admission[]): number {
  return Math.round(random.next() * ((trace.at(-1)?.atMs ?? 0) + 1));
}
