import { type Random } from "enhanced-integration";
import { type ReferencePolicy } from "./reference-bucket.ts";

/** One question to a limiter. */
export interface Question {
  /** Since the question before, whole milliseconds; below 0 where clocks may step back. */
  readonly stepMs: number;
  readonly key: string;
  readonly cost: number;
}

const DAY_MS = 86_400_000;
/** How long a limiter is asked: with rates up to a million its arithmetic is promised to be exact for so long. */
export const LONGEST_MS = 100 * DAY_MS;
/** Rates whose interval is no whole number of milliseconds are where rounding shows. */
const awkward: readonly ReferencePolicy[] = [
  { requests: 3, windowMs: 1_000, burst: 3 },
  { requests: 7, windowMs: 1_000, burst: 1 },
  { requests: 60, windowMs: 60_000, burst: 60 },
  { requests: 200, windowMs: 60_000, burst: 20 },
  { requests: 999_983, windowMs: 86_399_999, burst: 17 },
  { requests: 1, windowMs: DAY_MS, burst: 1 },
  { requests: 1_000_000, windowMs: 1, burst: 1_000_000 },
];

export function randomPolicy(random: Random): ReferencePolicy {
  const known = awkward[Math.floor(random.next() * awkward.length * 4)];
  if (known) return known;
  const requests = magnitude(random, 1_000_000);
  const windowMs = magnitude(random, DAY_MS);
  // A bucket that takes a hundred days to refill would be refused at construction.
  const mostBurst = Math.max(1, Math.floor((10 * DAY_MS * requests) / windowMs));
  return { requests, windowMs, burst: Math.min(mostBurst, magnitude(random, 10_000)) };
}

/** Mostly one policy; else two or three, as in "10 a second and 1,000 a day". */
export function randomPolicies(random: Random): readonly [ReferencePolicy, ...ReferencePolicy[]] {
  const more = random.next() < 0.7 ? 0 : 1 + Math.floor(random.next() * 2);
  return [randomPolicy(random), ...Array.from({ length: more }, () => randomPolicy(random))];
}

/** Times around the moment at which the next token comes, costs around what is left: where decisions turn. */
export function randomQuestion(random: Random, policies: readonly ReferencePolicy[], keys: number): Question {
  const { requests, windowMs, burst } = policies[Math.floor(random.next() * policies.length)] as ReferencePolicy;
  const most = Math.min(...policies.map((policy) => policy.burst));
  const tokenMs = windowMs / requests;
  const kind = random.next();
  let stepMs = 0;
  if (kind < 0.5) stepMs = Math.round(random.next() * 2 * tokenMs);
  else if (kind < 0.55) stepMs = Math.round(random.next() * 2 * tokenMs * burst);
  else if (kind < 0.57) stepMs = -Math.round(random.next() * 1_000);
  const cost = random.next() < 0.7 ? 1 : Math.floor(random.next() * (most + 1));
  return { stepMs, key: `key-${Math.floor(random.next() * keys)}`, cost };
}

/** Evenly over the orders of magnitude, so that small numbers come as often as large ones. */
function magnitude(random: Random, most: number): number {
  return Math.max(1, Math.round(Math.exp(random.next() * Math.log(most))));
}
