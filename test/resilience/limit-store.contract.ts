import fc from "fast-check";
import { expect, it } from "vitest";
import { type Decision, RateLimiter, type RateLimiterOptions } from "../../src/resilience/index.ts";
import { type StoreUnderTest } from "../support/virtual-redis-time.ts";

type Limits = NonNullable<RateLimiterOptions["limits"]>;

/** What every store of limits promises. */
export function limitStoreContract(create: () => StoreUnderTest): void {
  const limiterOf = (limits: Limits) => {
    const { store, clock } = create();
    return { clock, limiter: new RateLimiter({ store, clock, limits }) };
  };
  const perMinute = (requests: number, burst = requests) => ({ requests, windowMs: 60_000, burst });

  it("admits the burst at once, and then at the sustained rate", async () => {
    const { clock, limiter } = limiterOf({ api: perMinute(60, 5) });
    const at = async () => (await limiter.checkAsync("api", "user")).allowed;
    const burst = await Promise.all(Array.from({ length: 8 }, at));
    expect(burst).toEqual([true, true, true, true, true, false, false, false]);
    await clock.advance(999);
    expect(await at()).toBe(false);
    await clock.advance(1);
    expect([await at(), await at()]).toEqual([true, false]);
  });

  it("answers in full", async () => {
    const { limiter } = limiterOf({ api: perMinute(200, 20) });
    const decision: Decision = { allowed: true, limit: 20, remaining: 17, retryAfterMs: 0, resetMs: 900 };
    expect(await limiter.checkAsync("api", "user", { cost: 3 })).toEqual(decision);
    expect(await limiter.checkAsync("api", "user", { cost: 18 })).toEqual({
      ...{ allowed: false, limit: 20, remaining: 17, retryAfterMs: 300, resetMs: 900 },
    });
  });

  it("charges nothing for a denial or a look", async () => {
    const { limiter } = limiterOf({ api: perMinute(3) });
    await limiter.checkAsync("api", "user", { cost: 2 });
    for (let call = 0; call < 5; call += 1) await limiter.checkAsync("api", "user", { cost: 2 });
    expect(await limiter.checkAsync("api", "user", { cost: 0 })).toMatchObject({ allowed: true, remaining: 1 });
    expect(await limiter.checkAsync("api", "user")).toMatchObject({ allowed: true, remaining: 0 });
  });

  it("keeps keys and limits apart, whatever is in them", async () => {
    const keys = ["a", "a:b", "b", "", " ", "a\u0000b", "é", "\ud800", "{a}", "*", "x".repeat(10_000), "__proto__"];
    const { limiter } = limiterOf({ "a:b": perMinute(1), a: perMinute(1), "": perMinute(1), é: perMinute(1) });
    for (const name of ["a:b", "a", "", "é"])
      for (const key of keys) expect((await limiter.checkAsync(name, key)).allowed).toBe(true);
    for (const key of keys) expect((await limiter.checkAsync("a", key)).allowed).toBe(false);
  });

  it("charges every policy or none, and answers with the weakest", async () => {
    const { clock, limiter } = limiterOf({ api: [perMinute(600, 3), { requests: 4, windowMs: 86_400_000 }] });
    const ask = () => limiter.checkAsync("api", "user");
    expect(await ask()).toMatchObject({ policy: "600/1m", remaining: 2, limit: 3 });
    await ask();
    await ask();
    expect(await ask()).toMatchObject({ allowed: false, policy: "600/1m", retryAfterMs: 100 });
    await clock.advance(1_000);
    expect(await ask()).toMatchObject({ allowed: true, policy: "4/1d", remaining: 0 });
    expect(await ask()).toMatchObject({ allowed: false, policy: "4/1d", retryAfterMs: 21_600_000 - 1_000 });
    expect(await limiter.checkAsync("api", "user", { cost: 0 })).toMatchObject({ allowed: true, policy: "4/1d" });
  });

  it("tells when to come back to the millisecond, never later than when the bucket is full", async () => {
    const calls = fc.array(fc.record({ gapMs: fc.nat(2_000), cost: fc.integer({ min: 1, max: 3 }) }), {
      maxLength: 12,
    });
    const limit = fc.record({
      requests: fc.integer({ min: 3, max: 997 }),
      windowMs: fc.integer({ min: 1, max: 90_000 }),
    });
    await fc.assert(
      fc.asyncProperty(limit, calls, async (options, traffic) => {
        const { clock, limiter } = limiterOf({ api: { ...options, burst: 3 } });
        for (const { gapMs, cost } of traffic) {
          await clock.advance(gapMs);
          const { allowed, retryAfterMs, resetMs } = await limiter.checkAsync("api", "user", { cost });
          expect(retryAfterMs).toBeLessThanOrEqual(resetMs);
          if (allowed) continue;
          await clock.advance(retryAfterMs - 1);
          expect((await limiter.checkAsync("api", "user", { cost })).allowed).toBe(false);
          await clock.advance(1);
          expect((await limiter.checkAsync("api", "user", { cost })).allowed).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("lets callers wait for their turn, in order", async () => {
    const { clock, limiter } = limiterOf({ api: perMinute(60, 1) });
    const order: number[] = [];
    const turns = [0, 1, 2].map((n) => limiter.acquire("api", "user").then(() => order.push(n)));
    for (let second = 0; second < 4; second += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(1_000);
      await Promise.race([Promise.all(turns), new Promise((resolve) => setTimeout(resolve, 20))]);
    }
    await Promise.all(turns);
    expect(order).toEqual([0, 1, 2]);
  });
}
