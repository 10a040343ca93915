import { describe, expect, it } from "vitest";
import { Recovery } from "../../../src/clients/pools/recovery.ts";
import { EventBus } from "../../../src/core/index.ts";
import { EventRecorder, ManualClock, seededRandom } from "../../../src/testing/index.ts";

/** A pool that is offline, and how often its database was asked since. */
function offlinePool(answers: readonly ("writable" | "failed")[] = []) {
  const clock = new ManualClock();
  const events = new EventBus();
  const recorder = new EventRecorder(events);
  let asked = 0;
  const recovery: Recovery = new Recovery({
    ...{ pool: "primary", quietAfterMs: 300_000, clock, random: seededRandom(7), events },
    ask: async () => {
      const answer = answers[asked++] ?? "failed";
      // As a connection of the pool's own tells it.
      if (answer === "failed") recovery.missed();
      else recovery.follow("read-write", "the database answered");
      return answer;
    },
    onPaused: () => undefined,
  });
  recovery.missed();
  recovery.follow("offline", "three refused connections");
  return { clock, recovery, recorder, asked: () => asked };
}

describe("a pool's recovery", () => {
  it("asks by itself while no caller does, with growing waits up to half a second", async () => {
    const { clock, recovery, asked } = offlinePool();
    await clock.advance(10_000);
    expect(asked()).toBeGreaterThanOrEqual(20);
    expect(asked()).toBeLessThanOrEqual(42);
    recovery.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  it("asks nothing while callers find the database away themselves", async () => {
    const { clock, recovery, recorder, asked } = offlinePool();
    for (let ms = 0; ms < 400_000; ms += 40) {
      recovery.missed();
      await clock.advance(40);
    }
    expect(asked()).toBe(0);
    await clock.advance(500); // and is there as soon as they stop
    expect(asked()).toBeGreaterThanOrEqual(1);
    expect(recorder.of("pool.recovery_ended")).toEqual([]); // somebody wants the database all the time
    recovery.stop();
  });

  it("rests once nobody has wanted the database for long", async () => {
    const { clock, recorder } = offlinePool();
    await clock.advance(301_000);
    expect(recorder.of("pool.recovery_ended")).toMatchObject([{ outcome: "paused" }]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("brings the pool back with the first good answer, and rests", async () => {
    const { clock, recorder, asked } = offlinePool(["failed", "failed", "writable"]);
    await clock.advance(60_000);
    expect(asked()).toBe(3);
    expect(recorder.of("pool.recovery_ended")).toMatchObject([{ outcome: "recovered", attempts: 3 }]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("keeps one schedule through a recovery that did not last", async () => {
    const clock = new ManualClock();
    let asked = 0;
    const recovery: Recovery = new Recovery({
      ...{ pool: "primary", quietAfterMs: 300_000, clock, random: seededRandom(7), events: new EventBus() },
      ask: async () => {
        asked += 1;
        recovery.follow("read-write", "the database answered");
        recovery.follow("offline", "and was gone again");
        return "writable";
      },
      onPaused: () => undefined,
    });
    recovery.follow("offline", "three refused connections");
    await clock.advance(100);
    expect(asked).toBe(1);
    expect(clock.pendingTimers).toBe(1);
    recovery.stop();
    expect(clock.pendingTimers).toBe(0);
  });
});
