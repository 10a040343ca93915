import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LimitStore, MemoryLimitStore, RateLimiter } from "../../src/resilience/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

const limits = {
  api: { requests: 60, windowMs: 60_000, burst: 10 },
  two: [
    { requests: 10, windowMs: 1_000, name: "second" },
    { requests: 100, windowMs: 60_000, name: "minute" },
  ],
};

/** One that cannot be looked through, as Redis. */
function remote(clock: ManualClock): LimitStore {
  const store = new MemoryLimitStore({ clock });
  return { synchronous: false, decide: async (...asked) => store.decide(...asked) };
}

const usageOf = (used: number, resetMs: number, keys = 1) => ({
  keys,
  policies: [{ name: "60/1m", used, limit: 10, resetMs }],
});

describe("how far a limit is used up", () => {
  it("is told of the key that used most, until that is full again", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter({ clock, limits });
    expect(limiter.usage("api")).toEqual(usageOf(0, 0, 0));
    limiter.check("api", "ann", { cost: 7 });
    limiter.check("api", "bob", { cost: 2 });
    expect(limiter.usage("api")).toEqual(usageOf(7, 7_000, 2));
    await clock.advance(2_500);
    expect(limiter.usage("api")).toEqual(usageOf(5, 4_500));
    await clock.advance(4_500);
    expect(limiter.usage("api")).toEqual(usageOf(0, 0, 0));
    expect(() => limiter.usage("none")).toThrow(/no limit named "none"/);
  });

  it("is told of every policy", () => {
    const limiter = new RateLimiter({ clock: new ManualClock(), limits });
    for (let i = 0; i < 5; i += 1) limiter.check("two", "ann");
    expect(limiter.usage("two")).toEqual({
      keys: 1,
      policies: [
        { name: "second", used: 5, limit: 10, resetMs: 500 },
        { name: "minute", used: 5, limit: 100, resetMs: 3_000 },
      ],
    });
  });

  it("counts what newcomers share at the cap of keys", () => {
    const limiter = new RateLimiter({ clock: new ManualClock(), limits, maxKeys: 1 });
    limiter.check("api", "ann");
    for (const newcomer of ["bob", "cid", "dan"]) limiter.check("api", newcomer, { cost: 2 });
    expect(limiter.usage("api")).toEqual(usageOf(6, 6_000, 2));
  });

  it("takes no slot that is free for a key", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter({ clock, limits: { brief: { requests: 1, windowMs: 1 } } });
    for (let key = 0; key < 500; key += 1) limiter.check("brief", `old-${key}`);
    await clock.advance(2);
    for (let key = 0; key < 100; key += 1) limiter.check("brief", `new-${key}`);
    expect(limiter.usage("brief")).toEqual({ keys: 100, policies: [{ name: "1/1ms", used: 1, limit: 1, resetMs: 1 }] });
  });

  it("agrees with a look at each key, whatever came and went", async () => {
    const step = fc.record({ key: fc.nat(40), cost: fc.integer({ min: 1, max: 4 }), waitMs: fc.nat(3_000) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const clock = new ManualClock();
        const limiter = new RateLimiter({ clock, limits });
        for (const { key, cost, waitMs } of steps) {
          limiter.check("api", `key-${key}`, { cost });
          await clock.advance(waitMs);
          const looks = Array.from({ length: 41 }, (_, i) => limiter.check("api", `key-${i}`, { cost: 0 }));
          const resetMs = Math.max(...looks.map((look) => look.resetMs));
          const used = Math.max(...looks.map((look) => 10 - look.remaining));
          const keys = looks.filter((look) => look.resetMs > 0).length;
          expect(limiter.usage("api")).toEqual(usageOf(used, resetMs, keys));
        }
      }),
    );
  });

  it("of a store elsewhere is what its answers told, and fades as the buckets fill", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter({ clock, limits, store: remote(clock) });
    expect(limiter.usage("api")).toEqual({ keys: 0, policies: [] });
    await limiter.checkAsync("api", "ann", { cost: 7 });
    await limiter.checkAsync("api", "bob", { cost: 2 });
    expect(limiter.usage("api")).toEqual(usageOf(7, 7_000, 2));
    await clock.advance(2_500);
    expect(limiter.usage("api")).toEqual(usageOf(5, 4_500));
    await limiter.acquire("api", "ann");
    expect(limiter.usage("api")).toEqual(usageOf(6, 5_500));
    await clock.advance(5_500);
    expect(limiter.usage("api")).toMatchObject({ keys: 0 });
    for (let i = 0; i < 3_000; i += 1) await limiter.checkAsync("api", `flood-${i}`);
    expect(limiter.usage("api").keys).toBe(1_000);
  });
});
