import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryLimitStore, RateLimiter } from "../../src/resilience/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

function limiterWith(maxKeys: number, limits = { api: { requests: 60, windowMs: 60_000, burst: 2 } }) {
  const clock = new ManualClock();
  const store = new MemoryLimitStore({ clock, maxKeys });
  return { clock, store, limiter: new RateLimiter({ clock, store, limits }) };
}

describe("MemoryLimitStore", () => {
  it("never holds more keys than its cap", () => {
    const { store, limiter } = limiterWith(100);
    for (let key = 0; key < 10_000; key += 1) limiter.check("api", `key-${key}`);
    expect(store.size).toBe(100);
  });

  it("shares one bucket among new keys at the cap, and leaves known keys theirs", () => {
    const { limiter } = limiterWith(2);
    limiter.check("api", "a");
    limiter.check("api", "b");
    const newcomers = ["c", "d", "e", "f"].map((key) => limiter.check("api", key).allowed);
    expect(newcomers).toEqual([true, true, false, false]);
    expect(limiter.check("api", "a").allowed).toBe(true);
    expect(limiter.check("api", "a").allowed).toBe(false);
  });

  it("drops buckets that are full again, so that new keys find room", async () => {
    const { clock, store, limiter } = limiterWith(100);
    for (let key = 0; key < 100; key += 1) limiter.check("api", `old-${key}`);
    await clock.advance(1_000);
    for (let key = 0; key < 50; key += 1) expect(limiter.check("api", `new-${key}`).remaining).toBe(1);
    expect(store.size).toBeLessThan(100);
  });

  it("does not drop a bucket that is not full", async () => {
    const { clock, limiter } = limiterWith(10);
    limiter.check("api", "spent", { cost: 2 });
    await clock.advance(999);
    for (let key = 0; key < 1_000; key += 1) limiter.check("api", `flood-${key}`);
    expect(limiter.check("api", "spent")).toMatchObject({ allowed: false, retryAfterMs: 1 });
  });

  it("gives a key that was served from the shared bucket no second burst", async () => {
    const { clock, limiter } = limiterWith(1);
    limiter.check("api", "holder");
    expect(limiter.check("api", "late", { cost: 2 }).allowed).toBe(true);
    await clock.advance(1_000); // The holder's bucket is full again: its slot is free for `late`.
    expect(limiter.check("api", "late").allowed).toBe(true);
    expect(limiter.check("api", "late").allowed).toBe(false);
  });

  it("stores nothing for a look", () => {
    const { store, limiter } = limiterWith(10);
    expect(limiter.check("api", "user", { cost: 0 })).toMatchObject({ allowed: true, remaining: 2, resetMs: 0 });
    expect(store.size).toBe(0);
  });

  it("frees room across limits", async () => {
    const limits = { a: { requests: 60, windowMs: 60_000, burst: 1 }, b: { requests: 60, windowMs: 60_000, burst: 1 } };
    const { clock, limiter } = limiterWith(8, limits as never);
    for (let key = 0; key < 8; key += 1) limiter.check("a", `key-${key}`);
    await clock.advance(1_000);
    limiter.check("b", "one");
    limiter.check("b", "two");
    expect(limiter.check("b", "three").allowed).toBe(true);
    expect(limiter.check("b", "four").allowed).toBe(true);
  });

  it("keeps the law for every key under any traffic, cap and order: at most burst + rate × t", async () => {
    const traffic = fc.array(fc.record({ gapMs: fc.nat(800), key: fc.nat(9), cost: fc.integer({ min: 1, max: 2 }) }), {
      maxLength: 150,
    });
    await fc.assert(
      fc.asyncProperty(traffic, fc.integer({ min: 1, max: 6 }), async (calls, maxKeys) => {
        const { clock, limiter } = limiterWith(maxKeys);
        const admitted = new Map<number, { at: number; cost: number }[]>();
        for (const { gapMs, key, cost } of calls) {
          await clock.advance(gapMs);
          if (limiter.check("api", `key-${key}`, { cost }).allowed)
            admitted.set(key, [...(admitted.get(key) ?? []), { at: clock.now(), cost }]);
        }
        for (const list of admitted.values())
          for (let from = 0; from < list.length; from += 1) {
            let taken = 0;
            for (let to = from; to < list.length; to += 1) {
              taken += list[to]?.cost ?? 0;
              const span = (list[to]?.at ?? 0) - (list[from]?.at ?? 0);
              expect(taken * 1_000).toBeLessThanOrEqual(2 * 1_000 + span);
            }
          }
      }),
      { numRuns: 200 },
    );
  });
});
