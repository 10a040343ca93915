import { type Random } from "enhanced-integration";

export interface Limit {
  readonly requests: number;
  readonly windowMs: number;
  readonly burst: number;
}

/** One question to a limiter. */
export interface Question {
  /** Since the question before, whole milliseconds; sometimes below 0, as clocks do. */
  readonly stepMs: number;
  readonly key: string;
  readonly cost: number;
}

const DAY_MS = 86_400_000;
/** Rates whose interval is no whole number of milliseconds are where rounding shows. */
const awkward: readonly Limit[] = [
  { requests: 3, windowMs: 1_000, burst: 3 },
  { requests: 7, windowMs: 1_000, burst: 1 },
  { requests: 60, windowMs: 60_000, burst: 60 },
  { requests: 200, windowMs: 60_000, burst: 20 },
  { requests: 999_983, windowMs: 86_399_999, burst: 17 },
  { requests: 1, windowMs: DAY_MS, burst: 1 },
  { requests: 1_000_000, windowMs: 1, burst: 1_000_000 },
];

export function randomLimit(random: Random): Limit {
  const known = awkward[Math.floor(random.next() * awkward.length * 4)];
  if (known) return known;
  const requests = magnitude(random, 1_000_000);
  // Above ten days of refill a bucket would be refused at construction.
  const windowMs = magnitude(random, DAY_MS);
  const mostBurst = Math.max(1, Math.floor((10 * DAY_MS * requests) / windowMs));
  return { requests, windowMs, burst: Math.min(mostBurst, magnitude(random, 10_000)) };
}

/** Times around the moment at which the next token comes, costs around what is left: where decisions turn. */
export function randomQuestion(random: Random, { requests, windowMs, burst }: Limit, keys: number): Question {
  const tokenMs = windowMs / requests;
  const kind = random.next();
  let stepMs = 0;
  if (kind < 0.5) stepMs = Math.round(random.next() * 2 * tokenMs);
  else if (kind < 0.55) stepMs = Math.round(random.next() * 2 * tokenMs * burst);
  else if (kind < 0.57) stepMs = -Math.round(random.next() * 1_000);
  const cost = random.next() < 0.7 ? 1 : Math.floor(random.next() * (burst + 1));
  return { stepMs, key: `key-${Math.floor(random.next() * keys)}`, cost: Math.min(cost, burst) };
}

/** Evenly over the orders of magnitude, so that small numbers come as often as large ones. */
function magnitude(random: Random, most: number): number {
  return Math.max(1, Math.round(Math.exp(random.next() * Math.log(most))));
}
