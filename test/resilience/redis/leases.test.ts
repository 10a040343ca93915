import { type Redis } from "ioredis";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type IoredisLike, RateLimiter, RedisLimitStore } from "../../../src/resilience/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";
import { onVirtualTime } from "../../support/virtual-redis-time.ts";

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = await redis.client();
});
afterAll(() => redis.close());

let prefixes = 0;

/** Processes that share one Redis and one time. */
function fleetOf(processes: number, leaseSize: number, api: { requests: number; windowMs: number; burst?: number }) {
  const clock = new ManualClock();
  const prefix = `lease-${(prefixes += 1)}:`;
  const counter = { trips: 0 };
  const timed = onVirtualTime(client, clock, `${prefix}clock`);
  const counting: IoredisLike = {
    eval: (script, ...ask) => ((counter.trips += 1), timed.eval(script, ...ask)),
    evalsha: (sha, ...ask) => timed.evalsha(sha, ...ask).then((reply) => ((counter.trips += 1), reply)),
  };
  const limiters = Array.from({ length: processes }, () => {
    const store = new RedisLimitStore({ client: counting, clock, prefix, leaseSize });
    return new RateLimiter({ store, clock, limits: { api } });
  });
  return { clock, limiters, counter };
}

describe("leased tokens", () => {
  it("cost one round trip for as many decisions as were leased", async () => {
    const { limiters, counter } = fleetOf(1, 50, { requests: 1_000, windowMs: 60_000 });
    for (let call = 0; call < 1_000; call += 1)
      expect((await limiters[0]!.checkAsync("api", "user")).allowed).toBe(true);
    expect(counter.trips).toBe(20);
    expect((await limiters[0]!.checkAsync("api", "user")).allowed).toBe(false);
  });

  it("say what is left as if they had been charged one by one", async () => {
    const { limiters, clock } = fleetOf(1, 10, { requests: 60, windowMs: 60_000 });
    const answers = [];
    for (let call = 0; call < 12; call += 1) answers.push(await limiters[0]!.checkAsync("api", "user"));
    expect(answers.map(({ remaining }) => remaining)).toEqual([59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48]);
    await clock.advance(3_000);
    expect(await limiters[0]!.checkAsync("api", "user")).toMatchObject({ remaining: 50, resetMs: 10_000 });
  });

  it("are asked for once by many callers at the same moment", async () => {
    const { limiters, counter } = fleetOf(1, 10, { requests: 100, windowMs: 60_000 });
    const decisions = await Promise.all(Array.from({ length: 64 }, () => limiters[0]!.checkAsync("api", "user")));
    expect(decisions.every(({ allowed }) => allowed)).toBe(true);
    expect(counter.trips).toBe(1);
    expect((await limiters[0]!.checkAsync("api", "user", { cost: 0 })).remaining).toBe(36);
  });

  it("serve what is left when not all can be served", async () => {
    const { limiters } = fleetOf(1, 10, { requests: 20, windowMs: 60_000 });
    const decisions = await Promise.all(Array.from({ length: 64 }, () => limiters[0]!.checkAsync("api", "user")));
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(20);
  });

  it("are forfeited with the window", async () => {
    const { limiters, clock } = fleetOf(2, 5, { requests: 10, windowMs: 60_000 });
    const [one, other] = limiters;
    await one!.checkAsync("api", "user"); // leases five
    await clock.advance(60_000);
    for (let call = 0; call < 10; call += 1) expect((await other!.checkAsync("api", "user")).allowed).toBe(true);
    expect((await one!.checkAsync("api", "user")).allowed).toBe(false);
  });

  it("never exceed this process's share of a small limit", async () => {
    const clock = new ManualClock();
    const prefix = `lease-${(prefixes += 1)}:`;
    const timed = onVirtualTime(client, clock, `${prefix}clock`);
    const limits = { api: { requests: 8, windowMs: 60_000 } };
    const [one, other] = [0, 1].map(() => {
      const store = new RedisLimitStore({ client: timed, clock, prefix, leaseSize: 1_000, share: 1 / 4 });
      return new RateLimiter({ store, clock, limits });
    });
    await one!.checkAsync("api", "user");
    let allowed = 0;
    for (let call = 0; call < 10; call += 1) if ((await other!.checkAsync("api", "user")).allowed) allowed += 1;
    expect(allowed).toBe(6);
  });

  it("leave dear calls and small costs to be served in turn", async () => {
    const { limiters } = fleetOf(1, 5, { requests: 20, windowMs: 60_000 });
    const costs = [3, 9, 1, 4, 2, 1, 5];
    const decisions = await Promise.all(costs.map((cost) => limiters[0]!.checkAsync("api", "user", { cost })));
    const taken = costs.reduce((sum, cost, index) => sum + (decisions[index]?.allowed ? cost : 0), 0);
    expect(taken).toBeLessThanOrEqual(20);
    expect(taken).toBeGreaterThanOrEqual(16);
  });

  it("let a fleet exceed its limit by at most leaseSize for each process, in every interval", async () => {
    const traffic = fc.array(
      fc.record({
        gapMs: fc.oneof(fc.constant(0), fc.nat(3_000)),
        process: fc.nat(2),
        calls: fc.integer({ min: 1, max: 8 }),
      }),
      { minLength: 5, maxLength: 40 },
    );
    const leaseSize = 4;
    await fc.assert(
      fc.asyncProperty(traffic, async (steps) => {
        const { limiters, clock } = fleetOf(3, leaseSize, { requests: 60, windowMs: 60_000, burst: 12 });
        const admitted: number[] = [];
        for (const { gapMs, process, calls } of steps) {
          await clock.advance(gapMs);
          const asked = Array.from({ length: calls }, () => limiters[process]!.checkAsync("api", "user"));
          for (const { allowed } of await Promise.all(asked)) if (allowed) admitted.push(clock.now());
        }
        for (let from = 0; from < admitted.length; from += 1)
          for (let to = from; to < admitted.length; to += 1) {
            const span = (admitted[to] ?? 0) - (admitted[from] ?? 0);
            expect(to - from + 1).toBeLessThanOrEqual(12 + span / 1_000 + 3 * leaseSize);
          }
        // Everything was charged before it was spent: over the whole run there is no overshoot at all.
        expect(admitted.length).toBeLessThanOrEqual(12 + clock.now() / 1_000);
      }),
      { numRuns: 60 },
    );
  });
});
