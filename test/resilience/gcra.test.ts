import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FULL, gcraRate, gcraStep } from "../../src/resilience/gcra.ts";

/** A token bucket in exact fractions: tokens are counted in units of 1/windowMs, as BigInt. */
class ReferenceBucket {
  #units: bigint;
  #at = 0n;
  readonly #requests: bigint;
  readonly #windowMs: bigint;
  readonly #capacity: bigint;

  constructor(requests: number, windowMs: number, burst: number) {
    this.#requests = BigInt(requests);
    this.#windowMs = BigInt(windowMs);
    this.#capacity = BigInt(burst) * this.#windowMs;
    this.#units = this.#capacity;
  }

  take(now: number, cost: number): { allowed: boolean; remaining: number; retryAfterMs: number; resetMs: number } {
    const at = BigInt(now);
    const refilled = this.#units + (at - this.#at) * this.#requests;
    this.#units = refilled > this.#capacity ? this.#capacity : refilled;
    this.#at = at;
    const price = BigInt(cost) * this.#windowMs;
    const missing = price - this.#units;
    const allowed = missing <= 0n;
    if (allowed) this.#units -= price;
    const wait = (units: bigint) => Number((units + this.#requests - 1n) / this.#requests);
    return {
      allowed,
      remaining: Number(this.#units / this.#windowMs),
      retryAfterMs: allowed ? 0 : wait(missing),
      resetMs: wait(this.#capacity - this.#units),
    };
  }
}

const limits = fc.record({
  requests: fc.integer({ min: 1, max: 100_000 }),
  windowMs: fc.oneof(
    fc.constantFrom(1, 7, 1_000, 60_000, 3_600_000, 86_400_000),
    fc.integer({ min: 1, max: 86_400_000 }),
  ),
  burst: fc.integer({ min: 1, max: 1_000 }),
});
const arrivals = fc.array(
  fc.record({
    gapMs: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.nat(200_000)),
    cost: fc.integer({ min: 0, max: 3 }),
  }),
  {
    minLength: 1,
    maxLength: 80,
  },
);

describe("the GCRA step", () => {
  it("decides as an exact token bucket does, at any rate and cadence", () => {
    fc.assert(
      fc.property(limits, arrivals, ({ requests, windowMs, burst }, calls) => {
        const rate = gcraRate(requests, windowMs, burst);
        const reference = new ReferenceBucket(requests, windowMs, burst);
        let [tat, now] = [FULL, 0];
        for (const { gapMs, cost } of calls) {
          now += gapMs;
          const affordable = Math.min(cost, burst);
          const { tat: next, decision: answer } = gcraStep(rate, tat, now * rate.ticksPerMs, affordable);
          const { limit, ...decision } = answer;
          expect(limit).toBe(burst);
          expect(decision).toEqual(reference.take(now, affordable));
          tat = next;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("admits at most burst + rate × t in every interval, whatever arrives", () => {
    fc.assert(
      fc.property(
        limits,
        fc.array(fc.nat(5_000), { minLength: 2, maxLength: 60 }),
        ({ requests, windowMs, burst }, gaps) => {
          const rate = gcraRate(requests, windowMs, burst);
          const admitted: number[] = [];
          let [tat, now] = [FULL, 0];
          for (const gap of gaps) {
            now += gap;
            const { tat: next, decision } = gcraStep(rate, tat, now * rate.ticksPerMs, 1);
            if (decision.allowed) admitted.push(now);
            tat = next;
          }
          for (let from = 0; from < admitted.length; from += 1)
            for (let to = from; to < admitted.length; to += 1) {
              const span = BigInt((admitted[to] ?? 0) - (admitted[from] ?? 0));
              const count = BigInt(to - from + 1);
              expect(count * BigInt(windowMs) <= BigInt(burst) * BigInt(windowMs) + span * BigInt(requests)).toBe(true);
            }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("denies a millisecond before retryAfterMs and allows on time", () => {
    fc.assert(
      fc.property(limits, fc.nat(1_000_000), ({ requests, windowMs, burst }, start) => {
        const rate = gcraRate(requests, windowMs, burst);
        const at = (ms: number) => ms * rate.ticksPerMs;
        const { tat: empty } = gcraStep(rate, FULL, at(start), burst);
        const { tat: unchanged, decision } = gcraStep(rate, empty, at(start), 1);
        const { allowed, retryAfterMs } = decision;
        expect(allowed).toBe(false);
        expect(unchanged).toBe(empty);
        expect(gcraStep(rate, empty, at(start + retryAfterMs - 1), 1).decision.allowed).toBe(false);
        expect(gcraStep(rate, empty, at(start + retryAfterMs), 1).decision.allowed).toBe(true);
      }),
    );
  });

  it("stays exact after three years of uptime", () => {
    const rate = gcraRate(7, 60_000, 3);
    const start = 3 * 365 * 86_400_000;
    const reference = new ReferenceBucket(7, 60_000, 3);
    let tat = FULL;
    for (let now = start; now < start + 600_000; now += 997) {
      const { tat: next, decision: answer } = gcraStep(rate, tat, now * rate.ticksPerMs, 1);
      const { limit: _, ...decision } = answer;
      expect(decision).toEqual(reference.take(now, 1));
      tat = next;
    }
  });
});
