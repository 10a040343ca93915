import { expect, it } from "vitest";
import { poll } from "../../../src/clients/tinyfish/poll.ts";
import { IntegrationError } from "../../../src/core/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";

function start(look: () => Promise<boolean>, random = 0.5) {
  const clock = new ManualClock();
  const abort = new AbortController();
  const options = { clock, random: { next: () => random }, signal: abort.signal, minPollMs: 1000, maxPollMs: 30_000 };
  const looks: number[] = [];
  const watched = async () => {
    const seen: boolean[] = [];
    const counted = () => {
      looks.push(clock.now());
      return look();
    };
    for await (const each of poll(counted, (done) => done, options)) seen.push(each);
    return seen;
  };
  const done = watched();
  done.catch(() => undefined);
  const pauses = () => looks.slice(1).map((at, index) => at - looks[index]!);
  return { clock, abort, done, looks, pauses };
}

it("looks at once, and then ever more rarely: a fifth of the time passed, within its bounds", async () => {
  const { clock, pauses, looks } = start(async () => false);
  await clock.advance(600_000);
  expect(looks[0]).toBe(0);
  expect(pauses().slice(0, 5)).toEqual([1000, 1000, 1000, 1000, 1000]);
  expect(pauses()[6]).toBeCloseTo(1200, 6);
  expect(pauses().at(-1)).toBe(30_000);
  expect(looks.length).toBeLessThan(45);
});

it("spreads its pauses by ±20 %", async () => {
  for (const [random, expected] of [
    [0, 800],
    [0.999, 1199.6],
  ] as const) {
    const { clock, pauses } = start(async () => false, random);
    await clock.advance(3000);
    expect(pauses()[0]).toBeCloseTo(expected, 3);
  }
});

it("goes on through passing failures, waits as long as it is told to within its bounds, and forgets them on success", async () => {
  let looked = 0;
  const busy = (retryAfterMs: number) =>
    new IntegrationError({ code: "UPSTREAM_STATUS", verdict: "throttled", message: "busy", retryAfterMs });
  const { clock, done, pauses } = start(async () => {
    looked += 1;
    if (looked === 1) throw busy(5000);
    if (looked === 2) throw busy(9_999_999);
    return looked === 4;
  });
  await clock.advance(60_000);
  expect(await done).toEqual([false, true]);
  expect(pauses().slice(0, 2)).toEqual([5000, 30_000]);
  expect(clock.pendingTimers).toBe(0);
});

it("stops at a failure that will not pass, and after twelve that might have", async () => {
  const fatal = new IntegrationError({ code: "NOT_FOUND", message: "gone" });
  const first = start(() => Promise.reject(fatal));
  await expect(first.done).rejects.toBe(fatal);
  expect(first.looks).toHaveLength(1);
  const passing = new IntegrationError({ code: "CIRCUIT_OPEN", message: "open" });
  const second = start(() => Promise.reject(passing));
  await second.clock.advance(600_000);
  await expect(second.done).rejects.toBe(passing);
  expect(second.looks).toHaveLength(12);
});

it("ends with the signal's reason, and leaves no timer", async () => {
  const { clock, abort, done } = start(async () => false);
  await clock.advance(1500);
  const reason = new Error("enough");
  abort.abort(reason);
  await expect(done).rejects.toBe(reason);
  expect(clock.pendingTimers).toBe(0);
});
