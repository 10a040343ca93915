import { describe, expect, it } from "vitest";
import { EventBus } from "../../src/core/index.ts";
import { type Decision, type LimitStore, MemoryLimitStore, RateLimiter } from "../../src/resilience/index.ts";
import { EventRecorder, ManualClock } from "../../src/testing/index.ts";
import { rejection, thrownBy } from "./helpers.ts";

const perMinute = (requests: number, burst = requests) => ({ requests, windowMs: 60_000, burst });

describe("RateLimiter.check", () => {
  it("refills continuously: one call per 30 s under 100 per minute is never starved", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter({ clock, limits: { api: perMinute(100) } });
    let allowed = 0;
    for (let call = 0; call < 2_880; call += 1) {
      if (limiter.check("api", "user").allowed) allowed += 1;
      await clock.advance(30_000);
    }
    expect(allowed).toBe(2_880);
  });

  it("admits one call per second for an hour under 100 per minute, all 3,600 of them", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter({ clock, limits: { api: perMinute(100) } });
    let allowed = 0;
    for (let call = 0; call < 3_600; call += 1) {
      if (limiter.check("api", "user").allowed) allowed += 1;
      await clock.advance(1_000);
    }
    expect(allowed).toBe(3_600);
  });

  it("holds a flood to burst + rate: ten minutes at 100 per minute with burst 10 admit 1,009", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter({ clock, limits: { api: perMinute(100, 10) } });
    let allowed = 0;
    for (let call = 0; call < 6_000; call += 1) {
      if (limiter.check("api", "user").allowed) allowed += 1;
      await clock.advance(100);
    }
    expect(allowed).toBe(1_009);
  });

  it("takes its capacity from burst and its rate from requests per window", () => {
    const limiter = new RateLimiter({ clock: new ManualClock(), limits: { api: perMinute(200, 20) } });
    const first = limiter.check("api", "user");
    expect(first).toEqual({ allowed: true, limit: 20, remaining: 19, retryAfterMs: 0, resetMs: 300 });
    for (let call = 1; call < 20; call += 1) expect(limiter.check("api", "user").allowed).toBe(true);
    expect(limiter.check("api", "user")).toEqual({
      allowed: false,
      limit: 20,
      remaining: 0,
      retryAfterMs: 300,
      resetMs: 6_000,
    });
  });

  it("uses requests as the burst where none is given", () => {
    const limiter = new RateLimiter({ clock: new ManualClock(), limits: { api: { requests: 3, windowMs: 1_000 } } });
    expect(limiter.check("api", "user").limit).toBe(3);
  });

  it("does not let the time to come back recede when asked again and again", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter({ clock, limits: { api: perMinute(1) } });
    limiter.check("api", "user");
    for (let waited = 0; waited < 60_000; waited += 1_000) {
      expect(limiter.check("api", "user")).toMatchObject({ allowed: false, retryAfterMs: 60_000 - waited });
      await clock.advance(1_000);
    }
    expect(limiter.check("api", "user").allowed).toBe(true);
  });

  it("charges the cost of a call, and only looks for a cost of 0", () => {
    const limiter = new RateLimiter({ clock: new ManualClock(), limits: { api: perMinute(10) } });
    expect(limiter.check("api", "user", { cost: 7 }).remaining).toBe(3);
    expect(limiter.check("api", "user", { cost: 0 }).remaining).toBe(3);
    expect(limiter.check("api", "user", { cost: 4 })).toMatchObject({
      allowed: false,
      remaining: 3,
      retryAfterMs: 6_000,
    });
    expect(limiter.check("api", "user", { cost: 3 }).allowed).toBe(true);
  });

  it.each([11, -1, 1.5, NaN])("refuses a cost of %s, which could never be admitted", (cost) => {
    const limiter = new RateLimiter({ limits: { api: perMinute(10) } });
    const error = thrownBy(() => limiter.check("api", "user", { cost }));
    expect(error.code).toBe("INVALID_INPUT");
    expect(error.message).toContain("burst of 10");
  });

  it("keeps keys and limits apart", () => {
    const limiter = new RateLimiter({ clock: new ManualClock(), limits: { a: perMinute(1), b: perMinute(1) } });
    expect(limiter.check("a", "x").allowed).toBe(true);
    expect(limiter.check("a", "y").allowed).toBe(true);
    expect(limiter.check("b", "x").allowed).toBe(true);
    expect(limiter.check("a", "x").allowed).toBe(false);
  });

  it("survives a clock that steps back: nothing refilled, nothing lost, no negative count", () => {
    let now = 1_000_000;
    const clock = Object.assign(new ManualClock(), { now: () => now });
    const limiter = new RateLimiter({ clock, limits: { api: perMinute(2) } });
    limiter.check("api", "user");
    now -= 3_600_000;
    expect(limiter.check("api", "user")).toMatchObject({ allowed: true, remaining: 0 });
    expect(limiter.check("api", "user")).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 30_000 });
    now += 3_600_000 + 30_000;
    expect(limiter.check("api", "user").allowed).toBe(true);
  });

  it("admits no more than the burst after a jump of a day", () => {
    let now = 0;
    const clock = Object.assign(new ManualClock(), { now: () => now });
    const limiter = new RateLimiter({ clock, limits: { api: perMinute(60, 5) } });
    for (let call = 0; call < 5; call += 1) limiter.check("api", "user");
    now = 86_400_000;
    const admitted = Array.from({ length: 20 }, () => limiter.check("api", "user")).filter(({ allowed }) => allowed);
    expect(admitted).toHaveLength(5);
  });

  it("names the limits it knows when asked for one it does not", () => {
    const limiter = new RateLimiter({ limits: { search: perMinute(1), upload: perMinute(1) } });
    expect(thrownBy(() => limiter.check("serach", "user")).message).toContain("search, upload");
  });

  it("tells of every refusal", () => {
    const events = new EventBus();
    const recorder = new EventRecorder(events);
    const limiter = new RateLimiter({ clock: new ManualClock(), events, limits: { api: perMinute(1) } });
    limiter.check("api", "user");
    limiter.check("api", "user");
    expect(recorder.of("limit.refused")).toEqual([{ limit: "api", retryAfterMs: 60_000 }]);
  });

  it("names every bad option at once, with range and received value", () => {
    const limits = { a: { requests: 0, windowMs: 60_000 }, b: { requests: 1, windowMs: NaN, burst: 1.5 } };
    const { code, message } = thrownBy(() => new RateLimiter({ limits, maxWaiters: -1, maxKeys: 10 }));
    expect(code).toBe("INVALID_INPUT");
    for (const part of [
      "limits.a.requests",
      "got 0",
      "limits.b.windowMs",
      "got NaN",
      "limits.b.burst",
      "1.5",
      "maxWaiters",
    ])
      expect(message).toContain(part);
    expect(thrownBy(() => new RateLimiter({ maxKeys: 0 })).message).toContain("maxKeys");
  });

  it("lists its limits as resolved", () => {
    expect(new RateLimiter({ limits: { api: { requests: 5, windowMs: 1_000 } } }).limits).toEqual([
      { name: "api", requests: 5, windowMs: 1_000, burst: 5 },
    ]);
  });
});

describe("RateLimiter's options", () => {
  it("refuse a rate whose ticks would outgrow whole numbers within a hundred days, and take one that is rounder", () => {
    const limits = (requests: number, windowMs: number) => () =>
      new RateLimiter({ limits: { odd: { requests, windowMs } } });
    expect(limits(999_999_937, 86_400_001)).toThrow(/limits\.odd: 999999937 per 86400001 ms .* counted exactly; round/);
    expect(limits(1_000_000_000, 86_400_000)).not.toThrow();
    expect(limits(1_000_000_000, 1_000)).not.toThrow();
  });
});

describe("RateLimiter.checkAsync", () => {
  it("works with a store that answers later, where check says what to call instead", async () => {
    const memory = new MemoryLimitStore({ clock: new ManualClock() });
    const later: LimitStore = {
      synchronous: false,
      decide: async (...ask): Promise<Decision> => memory.decide(...ask),
    };
    const limiter = new RateLimiter({ store: later, limits: { api: perMinute(1) } });
    expect((await limiter.checkAsync("api", "user")).allowed).toBe(true);
    expect((await limiter.checkAsync("api", "user")).allowed).toBe(false);
    expect(thrownBy(() => limiter.check("api", "user")).message).toContain("checkAsync");
  });
});

describe("RateLimiter.checkLimit", () => {
  it("answers in the plan's shape, with a reset time on the wall clock", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter({ clock });
    expect(await limiter.checkLimit("user", 2, "1m")).toEqual({ allowed: true });
    expect(await limiter.checkLimit("user", 2, "1m")).toEqual({ allowed: true });
    const denied = await limiter.checkLimit("user", 2, "1m");
    expect(denied).toEqual({ allowed: false, resetTime: clock.wallNow() + 30_000 });
    await clock.advance(29_999);
    expect((await limiter.checkLimit("user", 2, "1m")).allowed).toBe(false);
    await clock.advance(1);
    expect((await limiter.checkLimit("user", 2, "1m")).allowed).toBe(true);
  });

  it.each([
    ["500ms", 500],
    ["30s", 30_000],
    ["1m", 60_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    [1_500, 1_500],
  ])("reads a window of %s", async (window, windowMs) => {
    const clock = new ManualClock();
    const limiter = new RateLimiter({ clock });
    await limiter.checkLimit("user", 1, window);
    expect(await limiter.checkLimit("user", 1, window)).toEqual({
      allowed: false,
      resetTime: clock.wallNow() + windowMs,
    });
  });

  it.each(["0m", "1 hour", "1w", "", "m", "-1s", "1.5s", 0, -5, NaN, Infinity])(
    "refuses a window of %j by name instead of taking a minute",
    async (window) => {
      const error = await rejection(new RateLimiter().checkLimit("user", 1, window));
      expect(error.code).toBe("INVALID_INPUT");
      expect(error.message).toContain("window");
    },
  );

  it.each([0, -1, 2.5, NaN])("refuses a limit of %s", async (limit) => {
    expect((await rejection(new RateLimiter().checkLimit("user", limit, "1m"))).code).toBe("INVALID_INPUT");
  });

  it("keeps a bucket per limit and window, and bounds how many of them there are", async () => {
    const limiter = new RateLimiter({ clock: new ManualClock() });
    for (let limit = 1; limit <= 1_000; limit += 1) await limiter.checkLimit("user", limit, "1m");
    expect((await rejection(limiter.checkLimit("user", 1_001, "1m"))).message).toContain("1000 different limits");
    expect((await limiter.checkLimit("user", 1, "1m")).allowed).toBe(false);
    expect((await limiter.checkLimit("user", 2, "1m")).allowed).toBe(true);
  });
});
