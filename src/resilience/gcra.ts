/**
 * The generic cell rate algorithm: a token bucket whose whole state is one number, the moment at which the bucket will
 * be full again ("theoretical arrival time", TAT). Pure; see ITU-T I.371 annex A.
 *
 * Time is counted in ticks, chosen per rate so that both a millisecond and a token are whole numbers of ticks. All
 * arithmetic is then on integers and exact at any cadence up to 2^53 ticks: a hundred days of uptime for the most awkward
 * rates that are accepted (see {@link isCountable}), centuries for usual ones. Beyond that it is off by a tick or two.
 */
export interface GcraRate {
  readonly burst: number;
  readonly ticksPerMs: number;
  readonly ticksPerToken: number;
  /** What a full bucket holds, in ticks. */
  readonly capacityTicks: number;
}

/** What a limiter answers. Plain data, so that hosts can turn it into headers. */
export interface Decision {
  readonly allowed: boolean;
  /** Capacity of the bucket: the most that can be admitted at one moment. */
  readonly limit: number;
  /** Whole tokens left after this decision. */
  readonly remaining: number;
  /** 0 if allowed; otherwise asking again after so long succeeds, and one millisecond earlier does not. */
  readonly retryAfterMs: number;
  /** Until the bucket is full again. Never less than `retryAfterMs`. */
  readonly resetMs: number;
  /** Of a limit with several policies: the weakest, which all the numbers speak of. */
  readonly policy?: string;
  /** The shared store did not answer, and the behaviour declared for that decided. */
  readonly degraded?: "open" | "closed" | "local-share";
}

export interface GcraStep {
  readonly tat: number;
  readonly decision: Decision;
}

/** A bucket that has never been used, or has been full for some time. */
export const FULL = 0;

export function gcraRate(requests: number, windowMs: number, burst: number): GcraRate {
  const shared = greatestCommonDivisor(requests, windowMs);
  const ticksPerToken = windowMs / shared;
  return { burst, ticksPerMs: requests / shared, ticksPerToken, capacityTicks: burst * ticksPerToken };
}

/** An uptime for which every accepted limit is exact, ms. */
const EXACT_FOR_MS = 100 * 86_400_000;

/** Do the ticks of a hundred days and those of a full bucket fit into the whole numbers that a double holds? */
export function isCountable({ ticksPerMs, capacityTicks }: GcraRate): boolean {
  return EXACT_FOR_MS * ticksPerMs + capacityTicks <= Number.MAX_SAFE_INTEGER;
}

/**
 * Decides about `cost` tokens at tick `now`. A denial leaves the state as it was.
 *
 * @returns the new TAT and the decision; not as a pair, because taking one apart goes through an iterator, which costs a
 * third of a decision once any module of the process has touched the iterators of arrays (ioredis does)
 */
export function gcraStep(rate: GcraRate, tat: number, now: number, cost: number): GcraStep {
  const current = tat > now ? tat : now;
  const charged = current + cost * rate.ticksPerToken;
  const allowed = charged - now <= rate.capacityTicks;
  const decision = gcraDecision(rate, (allowed ? charged : current) - now, cost, allowed);
  return { tat: allowed ? charged : tat, decision };
}

/** Puts a decision into words. `used` is what is missing in the bucket after it, in ticks. */
export function gcraDecision(rate: GcraRate, used: number, cost: number, allowed: boolean): Decision {
  const free = rate.capacityTicks - used;
  return {
    allowed,
    limit: rate.burst,
    remaining: Math.floor(free / rate.ticksPerToken),
    retryAfterMs: allowed ? 0 : Math.ceil((cost * rate.ticksPerToken - free) / rate.ticksPerMs),
    resetMs: Math.ceil(used / rate.ticksPerMs),
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b];
  return a;
}
