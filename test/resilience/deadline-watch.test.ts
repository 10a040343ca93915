import fc from "fast-check";
import { expect, it } from "vitest";
import { DeadlineWatch, Expiring } from "../../src/resilience/deadline-watch.ts";
import { ManualClock } from "../../src/testing/index.ts";

class Item extends Expiring {
  readonly dueAt: number;
  readonly expire: () => void;

  constructor(dueAt: number, expire: () => void = () => undefined) {
    super();
    this.dueAt = dueAt;
    this.expire = expire;
  }
}

it("a watch expires what is due, exactly on time, each once, and nothing that left before", async () => {
  const entry = fc.record({
    gapMs: fc.nat(400),
    lastsMs: fc.integer({ min: 1, max: 3_000 }),
    leavesAfterMs: fc.option(fc.nat(3_000)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 30 }), async (entries) => {
      const clock = new ManualClock();
      const watch = new DeadlineWatch(clock);
      const expired = new Map<number, number[]>();
      const expected = new Map<number, number[]>();
      for (const [index, { gapMs, lastsMs, leavesAfterMs }] of entries.entries()) {
        const item = new Item(
          clock.now() + lastsMs,
          () => void expired.set(index, [...(expired.get(index) ?? []), clock.now()]),
        );
        if (leavesAfterMs !== null) clock.setTimer(() => watch.remove(item), leavesAfterMs);
        if (leavesAfterMs === null || leavesAfterMs > lastsMs) expected.set(index, [item.dueAt]);
        else if (leavesAfterMs === lastsMs) expected.set(index, expired.get(index) ?? []);
        watch.add(item, clock.now());
        await clock.advance(gapMs);
      }
      await clock.advance(10_000);
      for (const [index, times] of expected) if (times.length > 0) expect(expired.get(index)).toEqual(times);
      for (const index of expired.keys()) expect(expected.has(index)).toBe(true);
      expect(clock.pendingTimers).toBe(0);
    }),
  );
});

it("a watch needs one timer for a thousand deadlines, and none soon after the last has left", async () => {
  const clock = new ManualClock();
  const watch = new DeadlineWatch(clock);
  const items = Array.from({ length: 1_000 }, (_, index) => new Item(30_000 + index));
  for (const item of items) watch.add(item, clock.now());
  await clock.advance(5_000);
  expect(clock.pendingTimers).toBe(1);
  for (const item of items) watch.remove(item);
  await clock.advance(100);
  expect(clock.pendingTimers).toBe(0);
});
