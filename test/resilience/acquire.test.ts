import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventBus } from "../../src/core/index.ts";
import {
  type Decision,
  type LimitStore,
  MemoryLimitStore,
  RateLimiter,
  type RateLimiterOptions,
} from "../../src/resilience/index.ts";
import { EventRecorder, ManualClock } from "../../src/testing/index.ts";
import { rejection } from "./helpers.ts";

/** One token per second, one at a time. */
const everySecond = {
  turn: { requests: 1, windowMs: 1_000, burst: 1 },
  bulk: { requests: 10, windowMs: 10_000, burst: 3 },
};

function setUp(
  options: Pick<RateLimiterOptions, "maxWaiters" | "drop"> & { store?: (clock: ManualClock) => LimitStore } = {},
) {
  const clock = new ManualClock();
  const events = new EventBus();
  const { store, ...rest } = options;
  const limiter = new RateLimiter({
    clock,
    events,
    limits: everySecond,
    ...rest,
    ...(store && { store: store(clock) }),
  });
  return { clock, limiter, recorder: new EventRecorder(events) };
}

/** A store that answers a millisecond later, as one across the network does. */
const remote = (clock: ManualClock): LimitStore => {
  const memory = new MemoryLimitStore({ clock });
  return {
    synchronous: false,
    decide: (...ask) => new Promise<Decision>((resolve) => clock.setTimer(() => resolve(memory.decide(...ask)), 1)),
  };
};

describe("RateLimiter.acquire", () => {
  it("admits at once, without a timer, where there is nothing to wait for", async () => {
    const { clock, limiter } = setUp();
    expect((await limiter.acquire("turn", "user")).allowed).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it("admits those who wait one by one, each on time and in order", async () => {
    const { clock, limiter, recorder } = setUp();
    const admitted: string[] = [];
    for (const name of ["a", "b", "c", "d"])
      void limiter.acquire("turn", "user").then(() => admitted.push(`${name} at ${clock.now()}`));
    await clock.advance(10_000);
    expect(admitted).toEqual(["a at 0", "b at 1000", "c at 2000", "d at 3000"]);
    expect(recorder.of("limit.waited").map(({ waitedMs }) => waitedMs)).toEqual([1_000, 2_000, 3_000]);
    expect([limiter.waiting, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("keeps the queues of different keys apart", async () => {
    const { clock, limiter } = setUp();
    for (const key of ["x", "y"]) await limiter.acquire("turn", key);
    const times: number[] = [];
    for (const key of ["x", "y"]) void limiter.acquire("turn", key).then(() => times.push(clock.now()));
    await clock.advance(1_000);
    expect(times).toEqual([1_000, 1_000]);
  });

  it("lets higher priority go first", async () => {
    const { clock, limiter } = setUp();
    await limiter.acquire("turn", "user");
    const order: string[] = [];
    for (const priority of ["low", "normal", "high", "normal"] as const)
      void limiter.acquire("turn", "user", { priority }).then(() => order.push(priority));
    await clock.advance(10_000);
    expect(order).toEqual(["high", "normal", "normal", "low"]);
  });

  it("lets tenants of one priority take turns, however many calls one of them makes", async () => {
    const { clock, limiter } = setUp();
    await limiter.acquire("turn", "shared");
    const order: string[] = [];
    for (const tenant of ["a", "a", "a", "a", "b", "c"])
      void limiter.acquire("turn", "shared", { tenant }).then(() => order.push(tenant));
    await clock.advance(10_000);
    expect(order.slice(0, 3).sort()).toEqual(["a", "b", "c"]);
    expect(order).toHaveLength(6);
  });

  it("drops the one who has waited longest for a newcomer, where told to", async () => {
    const { clock, limiter } = setUp({ maxWaiters: 1, drop: "drop-oldest" });
    await limiter.acquire("turn", "user");
    const oldest = rejection(limiter.acquire("turn", "user"));
    await clock.advance(0);
    const newest = limiter.acquire("turn", "user");
    expect((await oldest).code).toBe("QUEUE_FULL");
    expect(
      (
        await rejection(
          limiter.acquire("turn", "other", { cost: 1, maxWaitMs: 0 }).then(() => limiter.acquire("turn", "other")),
        )
      ).code,
    ).toBe("QUEUE_FULL");
    await clock.advance(1_000);
    expect((await newest).allowed).toBe(true);
    expect(limiter.waiting).toBe(0);
  });

  it("waits for as many tokens as the cost", async () => {
    const { clock, limiter } = setUp();
    await limiter.acquire("bulk", "user", { cost: 3 });
    const waiting = limiter.acquire("bulk", "user", { cost: 3 });
    await clock.advance(2_999);
    expect(limiter.waiting).toBe(1);
    await clock.advance(1);
    expect(await waiting).toMatchObject({ allowed: true, remaining: 0 });
  });

  it("refuses at once, with the time, a turn that cannot come within maxWaitMs", async () => {
    const { clock, limiter, recorder } = setUp();
    await limiter.acquire("turn", "user");
    for (let turn = 0; turn < 3; turn += 1) void limiter.acquire("turn", "user");
    const error = await rejection(limiter.acquire("turn", "user", { maxWaitMs: 3_000 }));
    expect(error).toMatchObject({ code: "RATE_LIMITED", verdict: "throttled", retryAfterMs: 4_000 });
    expect(recorder.of("limit.refused")).toEqual([{ limit: "turn", retryAfterMs: 4_000 }]);
    await clock.advance(3_000);
    expect(limiter.waiting).toBe(0);
  });

  it("waits for 30 s at most unless told otherwise", async () => {
    const { clock, limiter } = setUp();
    await limiter.acquire("turn", "user");
    for (let turn = 1; turn <= 30; turn += 1) void limiter.acquire("turn", "user");
    await clock.advance(0);
    expect(await rejection(limiter.acquire("turn", "user"))).toMatchObject({
      code: "RATE_LIMITED",
      retryAfterMs: 31_000,
    });
    const patient = limiter.acquire("turn", "user", { maxWaitMs: 60_000 });
    await clock.advance(31_000);
    expect((await patient).allowed).toBe(true);
  });

  it("refuses a waiter whose turn others took, when its time is up", async () => {
    const { clock, limiter } = setUp();
    await limiter.acquire("turn", "user");
    clock.setTimer(() => limiter.check("turn", "user"), 1_000); // Set before the queue's timer, so it fires before it.
    const outcome = rejection(limiter.acquire("turn", "user", { maxWaitMs: 1_500 }));
    await clock.advance(1_499);
    expect(limiter.waiting).toBe(1);
    await clock.advance(1);
    expect((await outcome).code).toBe("RATE_LIMITED");
    expect([limiter.waiting, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("admits a waiter whose turn comes in the last millisecond of its patience", async () => {
    const { clock, limiter } = setUp();
    await limiter.acquire("turn", "user");
    const waiting = limiter.acquire("turn", "user", { maxWaitMs: 1_000 });
    await clock.advance(1_000);
    expect((await waiting).allowed).toBe(true);
  });

  it("lets nobody wait beyond maxWaiters", async () => {
    const { clock, limiter } = setUp({ maxWaiters: 2 });
    await limiter.acquire("turn", "user");
    const waiting = [limiter.acquire("turn", "user"), limiter.acquire("turn", "user")];
    await clock.advance(0);
    expect((await rejection(limiter.acquire("turn", "user"))).code).toBe("QUEUE_FULL");
    await clock.advance(2_000);
    expect((await Promise.all(waiting)).every(({ allowed }) => allowed)).toBe(true);
    await limiter.acquire("turn", "other");
  });

  it("stops waiting when the signal fires, and the next one moves up", async () => {
    const { clock, limiter } = setUp();
    await limiter.acquire("turn", "user");
    const controller = new AbortController();
    const first = rejection(limiter.acquire("turn", "user", { signal: controller.signal }));
    const second = limiter.acquire("turn", "user");
    await clock.advance(500);
    controller.abort(new Error("changed my mind"));
    const error = await first;
    expect(error.code).toBe("ABORTED");
    expect((error.cause as Error).message).toBe("changed my mind");
    await clock.advance(500);
    expect((await second).allowed).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it("does not begin to wait under a signal that has fired", async () => {
    const { limiter } = setUp();
    await limiter.acquire("turn", "user");
    expect((await rejection(limiter.acquire("turn", "user", { signal: AbortSignal.abort() }))).code).toBe("ABORTED");
    expect(limiter.waiting).toBe(0);
  });

  it.each([NaN, -1])("refuses a maxWaitMs of %s", async (maxWaitMs) => {
    expect((await rejection(setUp().limiter.acquire("turn", "user", { maxWaitMs }))).code).toBe("INVALID_INPUT");
  });

  it("serves in order with a store that answers later", async () => {
    const { clock, limiter } = setUp({ store: remote });
    const order: string[] = [];
    for (const name of ["a", "b", "c"]) void limiter.acquire("turn", "user").then(() => order.push(name));
    await clock.advance(5_000);
    expect(order).toEqual(["a", "b", "c"]);
    expect([limiter.waiting, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("passes the turn of one who left while a remote store was asked on to the next", async () => {
    const { clock, limiter } = setUp({ store: remote });
    const first = limiter.acquire("turn", "user");
    await clock.advance(1);
    await first;
    const controller = new AbortController();
    const leaver = rejection(limiter.acquire("turn", "user", { signal: controller.signal }));
    await clock.advance(5);
    const heir = limiter.acquire("turn", "user");
    await clock.advance(995);
    controller.abort(); // The queue's question of 1,000 ms is on its way.
    await clock.advance(2);
    expect((await leaver).code).toBe("ABORTED");
    expect((await heir).allowed).toBe(true);
    expect([limiter.waiting, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("tells every waiter of a store that fails, and goes on when it works again", async () => {
    let broken = false;
    const { clock, limiter } = setUp({
      store: (clock) => {
        const memory = new MemoryLimitStore({ clock });
        const decide: LimitStore["decide"] = async (...ask) => {
          if (broken) throw new Error("store is down");
          return memory.decide(...ask);
        };
        return { synchronous: false, decide };
      },
    });
    await limiter.acquire("turn", "user");
    const failing = limiter.acquire("turn", "user").catch((error: Error) => error.message);
    await clock.advance(500);
    broken = true;
    await clock.advance(500);
    expect(await failing).toBe("store is down");
    broken = false;
    expect((await limiter.acquire("turn", "user")).allowed).toBe(true);
    expect([limiter.waiting, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("leaves no waiter and no timer behind, whoever aborts when, and never exceeds the rate", async () => {
    const step = fc.record({
      gapMs: fc.nat(700),
      abortAfterMs: fc.option(fc.nat(3_000)),
      cost: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, isRemote) => {
        const { clock, limiter } = setUp(isRemote ? { store: remote } : {});
        const admitted: { at: number; cost: number }[] = [];
        const settled: Promise<unknown>[] = [];
        for (const { gapMs, abortAfterMs, cost } of steps) {
          const controller = new AbortController();
          const turn = limiter.acquire("bulk", "user", { cost, signal: controller.signal });
          settled.push(turn.then(() => admitted.push({ at: clock.now(), cost })).catch(() => undefined));
          if (abortAfterMs !== null) clock.setTimer(() => controller.abort(), abortAfterMs);
          await clock.advance(gapMs);
        }
        await clock.advance(130_000);
        await Promise.all(settled);
        expect([limiter.waiting, clock.pendingTimers]).toEqual([0, 0]);
        const late = isRemote ? 1 : 0;
        for (let from = 0; from < admitted.length; from += 1) {
          let taken = 0;
          for (let to = from; to < admitted.length; to += 1) {
            taken += admitted[to]?.cost ?? 0;
            const span = (admitted[to]?.at ?? 0) - (admitted[from]?.at ?? 0) + late;
            expect(taken * 1_000).toBeLessThanOrEqual(3 * 1_000 + span);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
