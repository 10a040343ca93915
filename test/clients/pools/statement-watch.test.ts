import { describe, expect, it } from "vitest";
import { ManualClock } from "enhanced-integration/testing";
import { StatementWatch } from "../../../src/clients/pools/statement-watch.ts";

describe("the watch over a pool's statements", () => {
  it("ends each when its own time is over, and none that ended before", async () => {
    const clock = new ManualClock();
    const watch = new StatementWatch(clock, 100);
    const ended: [string, number][] = [];
    const start = clock.now();
    const begin = (name: string) => {
      const links = { previous: undefined, next: undefined };
      const statement = {
        ...links,
        startedAt: clock.now(),
        expire: () => void ended.push([name, clock.now() - start]),
      };
      watch.add(statement);
      return statement;
    };
    const first = begin("first");
    await clock.advance(30);
    begin("second");
    await clock.advance(30);
    const third = begin("third");
    watch.delete(first);
    await clock.advance(69);
    expect(ended).toEqual([]);
    await clock.advance(1);
    expect(ended).toEqual([["second", 130]]);
    watch.delete(third);
    await clock.advance(1_000);
    expect(ended).toEqual([["second", 130]]);
    begin("fourth");
    await clock.advance(100);
    expect(ended.at(-1)).toEqual(["fourth", 1_230]);
    expect(clock.pendingTimers).toBe(0);
  });
});
