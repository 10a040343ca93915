import { describe, expect, it } from "vitest";
import { MAX_TIMER_MS, sleep } from "../../src/core/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

describe("ManualClock", () => {
  it("stands still until it is advanced", async () => {
    const clock = new ManualClock({ wallNow: 5_000 });
    await Promise.resolve();
    expect([clock.now(), clock.wallNow()]).toEqual([0, 5_000]);
    await clock.advance(250);
    expect([clock.now(), clock.wallNow()]).toEqual([250, 5_250]);
  });

  it("fires due timers in order of time, then of creation, each at its own time", async () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    for (const [name, ms] of [
      ["late", 300],
      ["first", 100],
      ["second", 100],
      ["beyond", 301],
    ] as const)
      clock.setTimer(() => fired.push(`${name}@${clock.now()}`), ms);
    await clock.advance(300);
    expect(fired).toEqual(["first@100", "second@100", "late@300"]);
    expect(clock.pendingTimers).toBe(1);
  });

  it("fires timers that awaited continuations set within the span, however long the promise chain", async () => {
    const clock = new ManualClock();
    const wokenAt: number[] = [];
    const loop = (async () => {
      for (let round = 0; round < 5; round += 1) {
        await sleep(100, clock);
        for (let turn = 0; turn < 1_000; turn += 1) await Promise.resolve();
        wokenAt.push(clock.now());
      }
    })();
    await clock.advance(1_000);
    await loop;
    expect(wokenAt).toEqual([100, 200, 300, 400, 500]);
    expect(clock.now()).toBe(1_000);
  });

  it("settles continuations between two timers of the same moment", async () => {
    const clock = new ManualClock();
    const order: string[] = [];
    void sleep(10, clock).then(() => order.push("continuation of the first"));
    clock.setTimer(() => order.push("second timer"), 10);
    await clock.advance(10);
    expect(order).toEqual(["continuation of the first", "second timer"]);
  });

  it("never fires a cancelled timer and counts what is pending", async () => {
    const clock = new ManualClock();
    let fired = 0;
    const timer = clock.setTimer(() => (fired += 1), 10);
    expect(clock.pendingTimers).toBe(1);
    timer.cancel();
    timer.cancel();
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(20);
    expect(fired).toBe(0);
  });

  it("moves the wall clock alone, back and forth, without touching timers", async () => {
    const clock = new ManualClock({ wallNow: 10_000 });
    let fired = 0;
    clock.setTimer(() => (fired += 1), 10);
    clock.jumpWall(-4_000);
    expect([clock.now(), clock.wallNow(), fired]).toEqual([0, 6_000, 0]);
    clock.jumpWall(60_000);
    await clock.advance(9);
    expect([clock.now(), clock.wallNow(), fired]).toEqual([9, 66_009, 0]);
  });

  it("treats hostile waits as the system clock does", async () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    clock.setTimer(() => fired.push("negative"), -5);
    clock.setTimer(() => fired.push("NaN"), Number.NaN);
    clock.setTimer(() => fired.push("endless"), Infinity);
    await clock.advance(0);
    expect(fired).toEqual(["negative", "NaN"]);
    await clock.advance(MAX_TIMER_MS);
    expect(fired).toContain("endless");
  });

  it("refuses to go back", async () => {
    await expect(new ManualClock().advance(-1)).rejects.toThrow(RangeError);
  });
});
