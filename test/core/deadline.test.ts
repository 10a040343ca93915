import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { CallScopes, deadlineOf, LinkedSignal, raceSignal, sleep } from "../../src/core/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

describe("CallScopes", () => {
  it("hands a scope to everything inside, across awaits, and to nothing outside", async () => {
    const scopes = new CallScopes();
    await scopes.run({ requestId: "r" }, async () => {
      await Promise.resolve();
      expect(scopes.current).toEqual({ requestId: "r" });
    });
    expect(scopes.current).toBeUndefined();
  });

  it("only ever shrinks a deadline, joins signals, and lets the inner priority win", () => {
    const scopes = new CallScopes();
    const [outer, inner] = [new AbortController(), new AbortController()];
    scopes.run({ deadlineAt: 100, signal: outer.signal, priority: "low", requestId: "r" }, () =>
      scopes.run({ deadlineAt: 500, signal: inner.signal, priority: "high" }, () => {
        const { deadlineAt, priority, requestId, signal } = scopes.current ?? {};
        expect([deadlineAt, priority, requestId, signal?.aborted]).toEqual([100, "high", "r", false]);
        outer.abort();
        expect(signal?.aborted).toBe(true);
      }),
    );
  });

  it("shrinks a call's own deadline", () => {
    const scopes = new CallScopes();
    const clock = new ManualClock();
    const spec = { service: "s", operation: "o", deadlineMs: 50 };
    expect(deadlineOf(spec, 1_000, clock, scopes)).toBe(50);
    expect(scopes.run({ deadlineAt: 20 }, () => deadlineOf(spec, 1_000, clock, scopes))).toBe(20);
    expect(deadlineOf({ service: "s", operation: "o" }, 1_000, clock)).toBe(1_000);
  });
});

describe("LinkedSignal", () => {
  it("fires with the reason of whoever was first", async () => {
    const clock = new ManualClock();
    const source = new AbortController();
    const linked = new LinkedSignal().follow(source.signal, () => "source").after(10, clock, () => "timer");
    await clock.advance(10);
    source.abort();
    expect(linked.signal.reason).toBe("timer");
  });

  it("has fired already when its source has, or the time is up", () => {
    const clock = new ManualClock();
    expect(new LinkedSignal().follow(AbortSignal.abort("gone")).signal.reason).toBe("gone");
    expect(new LinkedSignal().after(0, clock, () => "late").signal.reason).toBe("late");
    expect(new LinkedSignal().follow(undefined).after(Infinity, clock, () => "never").signal.aborted).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });

  it("releases listeners and timers", () => {
    const clock = new ManualClock();
    const source = new AbortController();
    const linked = new LinkedSignal().follow(source.signal).after(10, clock, () => "timer");
    linked.dispose();
    linked.dispose();
    expect([getEventListeners(source.signal, "abort").length, clock.pendingTimers]).toEqual([0, 0]);
  });
});

describe("sleep and raceSignal", () => {
  it("wake at the signal, with its reason, and leave nothing behind", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const outcomes = [
      sleep(1_000, clock, controller.signal),
      raceSignal(new Promise(() => undefined), controller.signal),
    ].map((promise) => promise.catch((reason: unknown) => reason));
    controller.abort("enough");
    expect(await Promise.all(outcomes)).toEqual(["enough", "enough"]);
    expect([clock.pendingTimers, getEventListeners(controller.signal, "abort").length]).toEqual([0, 0]);
  });

  it("leave nothing behind when they end by themselves", async () => {
    const clock = new ManualClock();
    const { signal } = new AbortController();
    const slept = sleep(5, clock, signal);
    await clock.advance(5);
    await slept;
    expect(await raceSignal(Promise.resolve(7), signal)).toBe(7);
    await expect(raceSignal(Promise.reject(new Error("own")), signal)).rejects.toThrow("own");
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("do not begin under a fired signal, and swallow the loser's late rejection", async () => {
    const signal = AbortSignal.abort("gone");
    await expect(sleep(5, new ManualClock(), signal)).rejects.toBe("gone");
    await expect(raceSignal(Promise.reject(new Error("late")), signal)).rejects.toBe("gone");
  });
});
