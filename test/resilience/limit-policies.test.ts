import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LimitOptions, RateLimiter } from "../../src/resilience/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { rejection, thrownBy } from "./helpers.ts";

const perSecond: LimitOptions = { requests: 10, windowMs: 1_000 };
const perDay: LimitOptions = { requests: 1_000, windowMs: 86_400_000 };

function limiterOf(...policies: LimitOptions[]) {
  const clock = new ManualClock();
  return { clock, limiter: new RateLimiter({ clock, limits: { api: policies } }) };
}

describe("a limit of several policies", () => {
  it("admits what each of them admits: 10 a second until 1,000 a day are gone", async () => {
    const { clock, limiter } = limiterOf(perSecond, perDay);
    let allowed = 0;
    for (let second = 0; second < 300; second += 1) {
      for (let call = 0; call < 20; call += 1) if (limiter.check("api", "user").allowed) allowed += 1;
      await clock.advance(1_000);
    }
    expect(allowed).toBe(1_003); // 1,000 at once and one more each 86.4 s
  });

  it("answers with the weakest: the fewest tokens left, or the longest wait", async () => {
    const { clock, limiter } = limiterOf({ ...perSecond, name: "burst" }, { ...perDay, requests: 12, name: "quota" });
    expect(limiter.check("api", "user")).toEqual({
      ...{ allowed: true, limit: 10, remaining: 9, retryAfterMs: 0, resetMs: 100, policy: "burst" },
    });
    for (let call = 1; call < 10; call += 1) limiter.check("api", "user");
    expect(limiter.check("api", "user")).toMatchObject({ allowed: false, policy: "burst", retryAfterMs: 100 });
    await clock.advance(1_000);
    expect(limiter.check("api", "user")).toMatchObject({ allowed: true, policy: "quota", remaining: 1, limit: 12 });
    limiter.check("api", "user");
    expect(limiter.check("api", "user")).toMatchObject({ allowed: false, policy: "quota", retryAfterMs: 7_199_000 });
  });

  it("charges none of them when one denies", () => {
    const { limiter } = limiterOf({ requests: 2, windowMs: 1_000 }, { requests: 5, windowMs: 60_000 });
    for (let call = 0; call < 50; call += 1) limiter.check("api", "user");
    expect(limiter.check("api", "user", { cost: 0 })).toMatchObject({ allowed: true, policy: "2/1s", remaining: 0 });
    const { limiter: other } = limiterOf({ requests: 5, windowMs: 60_000 }, { requests: 2, windowMs: 86_400_000 });
    for (let call = 0; call < 50; call += 1) other.check("api", "user");
    expect(other.check("api", "other").policy).toBe("2/1d");
    expect(other.limits[0]?.policies).toEqual([
      { name: "5/1m", requests: 5, windowMs: 60_000, burst: 5 },
      { name: "2/1d", requests: 2, windowMs: 86_400_000, burst: 2 },
    ]);
  });

  it("decides as one limiter for each policy, charged only when all admit", async () => {
    const policy = fc.record({
      requests: fc.integer({ min: 1, max: 50 }),
      windowMs: fc.constantFrom(7, 1_000, 60_000, 86_400_000),
    });
    const calls = fc.array(fc.record({ gapMs: fc.nat(3_000), cost: fc.nat(2) }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.array(policy, { minLength: 2, maxLength: 4 }), calls, async (policies, traffic) => {
        const { clock, limiter } = limiterOf(...policies.map((options, index) => ({ ...options, name: `${index}` })));
        const alone = policies.map((options) => new RateLimiter({ clock, limits: { api: options } }));
        const smallest = Math.min(...policies.map(({ requests }) => requests));
        for (const { gapMs, cost: wanted } of traffic) {
          await clock.advance(gapMs);
          const cost = Math.min(wanted, smallest);
          const before = alone.map((one) => one.check("api", "user", { cost: 0 }));
          const fits = before.every(({ remaining }) => remaining >= cost);
          const decision = limiter.check("api", "user", { cost });
          expect(decision.allowed).toBe(fits);
          expect(decision.retryAfterMs).toBeLessThanOrEqual(decision.resetMs);
          if (fits) {
            const each = alone.map((one) => one.check("api", "user", { cost }));
            expect(decision.remaining).toBe(Math.min(...each.map(({ remaining }) => remaining)));
            expect(decision).toEqual({ ...each[Number(decision.policy)], policy: decision.policy });
          } else {
            // Those that would admit it alone are asked with a cost of 0, so that nothing is charged.
            const waits = alone.map((one, i) =>
              before[i]!.remaining >= cost ? 0 : one.check("api", "user", { cost }),
            );
            expect(decision.retryAfterMs).toBe(
              Math.max(...waits.map((wait) => (typeof wait === "number" ? 0 : wait.retryAfterMs))),
            );
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("keeps `retryAfterMs` exact: denied a millisecond before, admitted on time", async () => {
    const { clock, limiter } = limiterOf(perSecond, { requests: 3, windowMs: 7_777 });
    for (let call = 0; call < 3; call += 1) limiter.check("api", "user");
    const { retryAfterMs } = limiter.check("api", "user");
    await clock.advance(retryAfterMs - 1);
    expect(limiter.check("api", "user")).toMatchObject({ allowed: false, retryAfterMs: 1 });
    await clock.advance(1);
    expect(limiter.check("api", "user").allowed).toBe(true);
  });

  it("shares its overflow bucket at the cap of keys as a single policy does", () => {
    const clock = new ManualClock();
    const limits = { api: [perSecond, { requests: 3, windowMs: 60_000 }] };
    const limiter = new RateLimiter({ clock, maxKeys: 1, limits });
    limiter.check("api", "known");
    const newcomers = ["a", "b", "c", "d"].map((key) => limiter.check("api", key).allowed);
    expect(newcomers).toEqual([true, true, true, false]);
    expect(limiter.check("api", "known").allowed).toBe(true);
  });

  it("forgets a bucket only when every policy of it is full again", async () => {
    const { clock, limiter } = limiterOf(perSecond, { requests: 1, windowMs: 60_000 });
    limiter.check("api", "user");
    await clock.advance(59_999);
    for (let key = 0; key < 100; key += 1) limiter.check("api", `other-${key}`);
    expect(limiter.check("api", "user")).toMatchObject({ allowed: false, retryAfterMs: 1 });
  });

  it("lets callers wait for the slowest policy, and refuses at once those whose turn cannot come", async () => {
    const { clock, limiter } = limiterOf(perSecond, { requests: 1, windowMs: 60_000 });
    await limiter.acquire("api", "user");
    const second = limiter.acquire("api", "user", { maxWaitMs: 60_000 });
    await clock.advance(0);
    expect((await rejection(limiter.acquire("api", "user", { maxWaitMs: 100_000 }))).retryAfterMs).toBe(120_000);
    await clock.advance(60_000);
    expect((await second).allowed).toBe(true);
  });

  it("names the weakest policy in the error of a wait that would be too long, in line and before it", async () => {
    const { clock, limiter } = limiterOf(
      { ...perSecond, name: "burst" },
      { requests: 1, windowMs: 60_000, name: "quota" },
    );
    await limiter.acquire("api", "user");
    const quota = { code: "RATE_LIMITED", details: { limit: "api", policy: "quota" } };
    const early = await rejection(limiter.acquire("api", "user", { maxWaitMs: 1_000 }));
    expect(early).toMatchObject(quota);
    expect(early.message).toBe("limit api:quota is used up; try again in 60000 ms");
    const waiting = limiter.acquire("api", "user", { maxWaitMs: 60_000 });
    await clock.advance(0);
    expect(await rejection(limiter.acquire("api", "user", { maxWaitMs: 1_000 }))).toMatchObject(quota);
    await clock.advance(60_000);
    await waiting;
  });

  it("refuses a cost beyond its smallest burst, an empty list, and equal names", () => {
    const { limiter } = limiterOf(perDay, perSecond);
    expect(thrownBy(() => limiter.check("api", "user", { cost: 11 })).message).toContain("burst of 10");
    expect(thrownBy(() => limiterOf()).message).toContain("limits.api must hold 1 to 10 policies, got 0");
    const twins = [
      { ...perSecond, name: "x" },
      { ...perDay, name: "x", requests: 0 },
    ];
    const { message } = thrownBy(() => limiterOf(...twins));
    expect(message).toContain("limits.api[1].requests");
    expect(message).toContain("two policies have the same name");
  });
});
