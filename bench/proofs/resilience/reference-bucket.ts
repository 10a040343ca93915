/** What a limiter says, as far as the proofs compare it. */
export interface Answer {
  readonly allowed: boolean;
  readonly remaining: number;
  readonly retryAfterMs: number;
  readonly resetMs: number;
}

/**
 * A token bucket in whole numbers of any size, told as a bucket that leaks: `debt` is what was taken and has not yet been
 * refilled. A unit is a token divided by `windowMs`, so that a millisecond refills exactly `requests` units. Written to be
 * obviously right, not fast; it shares no code and no formula with the limiter.
 */
export class ReferenceBucket {
  readonly #requests: bigint;
  readonly #token: bigint;
  readonly #capacity: bigint;
  #debt = 0n;
  #at = 0n;

  constructor(limit: { readonly requests: number; readonly windowMs: number; readonly burst: number }) {
    this.#requests = BigInt(limit.requests);
    this.#token = BigInt(limit.windowMs);
    this.#capacity = BigInt(limit.burst) * this.#token;
  }

  /** @param nowMs whole milliseconds, never less than before */
  take(nowMs: number, cost: number): Answer {
    const now = BigInt(nowMs);
    this.#debt = max(0n, this.#debt - (now - this.#at) * this.#requests);
    this.#at = now;
    const wanted = this.#debt + BigInt(cost) * this.#token;
    const allowed = wanted <= this.#capacity;
    if (allowed) this.#debt = wanted;
    return {
      allowed,
      remaining: Number((this.#capacity - this.#debt) / this.#token),
      retryAfterMs: allowed ? 0 : Number(ceilDivide(wanted - this.#capacity, this.#requests)),
      resetMs: Number(ceilDivide(this.#debt, this.#requests)),
    };
  }
}

const max = (a: bigint, b: bigint) => (a > b ? a : b);
const ceilDivide = (a: bigint, b: bigint) => (a + b - 1n) / b;

/** The first fact on which two answers differ; undefined if they agree. */
export function difference(mine: Answer, reference: Answer): string | undefined {
  const facts = ["allowed", "remaining", "retryAfterMs", "resetMs"] as const;
  const fact = facts.find((each) => mine[each] !== reference[each]);
  return fact && `${fact} is ${mine[fact]} instead of ${reference[fact]}`;
}
