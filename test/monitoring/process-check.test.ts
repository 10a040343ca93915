import { describe, expect, it } from "vitest";
import { HealthRegistry, ProcessCheck, type ProcessCheckOptions } from "../../src/monitoring/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { thrownBy } from "../resilience/helpers.ts";

function setUp(options: ProcessCheckOptions) {
  const clock = new ManualClock();
  const now = { lagMs: 0, heap: 0.5, resets: 0 };
  const readings = {
    lagP99Ms: () => now.lagMs,
    reset: () => ((now.resets += 1), (now.lagMs = 0)),
    heapRatio: () => now.heap,
  };
  return { clock, now, check: new ProcessCheck(options, clock, readings) };
}

describe("the process as a reason to be unready", () => {
  it("is none unless a bound is given", () => {
    const { now, check } = setUp({});
    Object.assign(now, { lagMs: 9_999, heap: 1 });
    expect(check.finding()).toEqual({ status: "up" });
  });

  it("is an event loop that lags, until a whole window went well", async () => {
    const { clock, now, check } = setUp({ maxEventLoopLagMs: 200 });
    now.lagMs = 200;
    expect(check.finding().status).toBe("up");
    now.lagMs = 201;
    expect(check.finding()).toMatchObject({ status: "down", reason: "EVENT_LOOP_LAG" });
    await clock.advance(10_000);
    expect(check.finding().status).toBe("down");
    expect(now.resets).toBe(1);
    await clock.advance(9_999);
    expect(check.finding().status).toBe("down");
    await clock.advance(1);
    check.finding();
    expect(check.finding().status).toBe("up");
  });

  it("is a heap near its limit", () => {
    const { now, check } = setUp({ maxHeapRatio: 0.9 });
    now.heap = 0.9;
    expect(check.finding().status).toBe("up");
    now.heap = 0.95;
    expect(check.finding()).toMatchObject({ status: "down", reason: "HEAP_FULL" });
  });

  it("is read from Node itself: a blocked event loop is seen", async () => {
    const check = new ProcessCheck({ maxEventLoopLagMs: 50 }, new ManualClock());
    const health = new HealthRegistry();
    health.add("process", { cacheMs: 0, run: () => check.finding() });
    await health.ready();
    await new Promise((resolve) => setTimeout(resolve, 30));
    for (const until = performance.now() + 200; performance.now() < until;) continue;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await health.ready()).toMatchObject({ ready: false, reason: "down: process" });
    expect(health.live()).toEqual({ status: "up" });
  });

  it("refuses bounds that mean nothing, all at once", () => {
    const error = thrownBy(() => setUp({ maxEventLoopLagMs: 1, maxHeapRatio: 90 }));
    expect(error.code).toBe("INVALID_INPUT");
    expect(error.message).toMatch(/maxEventLoopLagMs.*maxHeapRatio/s);
  });
});
