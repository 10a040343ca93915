/** What a limiter says, as far as the proofs compare it. */
export interface Answer {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  readonly retryAfterMs: number;
  readonly resetMs: number;
}

export interface ReferencePolicy {
  readonly requests: number;
  readonly windowMs: number;
  readonly burst: number;
}

/**
 * A token bucket in whole numbers of any size, told as a bucket that leaks: `debt` is what was taken and has not yet been
 * refilled. A unit is a token divided by `windowMs`, so that a millisecond refills exactly `requests` units. Written to be
 * obviously right, not fast; it shares no code and no formula with the limiter.
 */
class ReferenceBucket {
  readonly #burst: number;
  readonly #requests: bigint;
  readonly #token: bigint;
  readonly #capacity: bigint;
  #debt = 0n;
  #at = 0n;

  constructor({ requests, windowMs, burst }: ReferencePolicy) {
    this.#burst = burst;
    this.#requests = BigInt(requests);
    this.#token = BigInt(windowMs);
    this.#capacity = BigInt(burst) * this.#token;
  }

  refill(nowMs: number): void {
    const now = BigInt(nowMs);
    this.#debt = max(0n, this.#debt - (now - this.#at) * this.#requests);
    this.#at = now;
  }

  fits(cost: number): boolean {
    return this.#debt + BigInt(cost) * this.#token <= this.#capacity;
  }

  take(cost: number): void {
    this.#debt += BigInt(cost) * this.#token;
  }

  answer(cost: number, taken: boolean): Answer {
    const missing = taken ? 0n : max(0n, this.#debt + BigInt(cost) * this.#token - this.#capacity);
    return {
      allowed: missing === 0n,
      limit: this.#burst,
      remaining: Number((this.#capacity - this.#debt) / this.#token),
      retryAfterMs: Number(ceilDivide(missing, this.#requests)),
      resetMs: Number(ceilDivide(this.#debt, this.#requests)),
    };
  }
}

/** A limit of one or several policies for one key: all of them are charged, or none; the weakest one answers. */
export class ReferenceLimit {
  readonly #buckets: readonly ReferenceBucket[];

  constructor(policies: readonly ReferencePolicy[]) {
    this.#buckets = policies.map((policy) => new ReferenceBucket(policy));
  }

  /** @param nowMs whole milliseconds, never less than before */
  take(nowMs: number, cost: number): Answer {
    for (const bucket of this.#buckets) bucket.refill(nowMs);
    const taken = this.#buckets.every((bucket) => bucket.fits(cost));
    if (taken) for (const bucket of this.#buckets) bucket.take(cost);
    const answers = this.#buckets.map((bucket) => bucket.answer(cost, taken));
    return answers.reduce((weakest, each) => (isWeaker(each, weakest) ? each : weakest));
  }
}

/** The one to wait longest for; else the one with the fewest tokens left; else the one that is full last. */
function isWeaker(one: Answer, other: Answer): boolean {
  return (one.retryAfterMs - other.retryAfterMs || other.remaining - one.remaining || one.resetMs - other.resetMs) > 0;
}

const max = (a: bigint, b: bigint) => (a > b ? a : b);
const ceilDivide = (a: bigint, b: bigint) => (a + b - 1n) / b;

/** The first fact on which two answers differ; undefined if they agree. */
export function difference(mine: Answer, reference: Answer): string | undefined {
  const facts = ["allowed", "limit", "remaining", "retryAfterMs", "resetMs"] as const;
  const fact = facts.find((each) => mine[each] !== reference[each]);
  return fact && `${fact} is ${mine[fact]} instead of ${reference[fact]}`;
}
