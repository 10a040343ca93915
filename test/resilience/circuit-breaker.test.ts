import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CircuitBreaker, type BreakerOptions, type BreakerSnapshot } from "../../src/resilience/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { always, failure, rejection, reset, thrownBy, unavailable } from "./helpers.ts";

function setUp(options: BreakerOptions & { random?: { next(): number } } = {}) {
  const clock = new ManualClock();
  const events: [string, unknown][] = [];
  const breaker = new CircuitBreaker({
    service: "maps",
    clock,
    random: always(0),
    onEvent: (name, event) => void events.push([name, event]),
    ...options,
  });
  const succeed = () => breaker.run(async () => "ok");
  const fail = (error: unknown = reset()) => breaker.run(() => Promise.reject(error)).catch(() => undefined);
  const failTimes = async (times: number) => {
    for (let call = 0; call < times; call += 1) await fail();
  };
  return { clock, breaker, events, succeed, fail, failTimes };
}

describe("a closed CircuitBreaker", () => {
  it("opens when the failure ratio is reached over the minimum of calls, and not before", async () => {
    const { breaker, succeed, fail, events } = setUp();
    for (let call = 0; call < 5; call += 1) await succeed();
    for (let call = 0; call < 4; call += 1) await fail();
    expect(breaker.state).toBe("closed");
    await fail();
    expect(breaker.state).toBe("open");
    expect(events).toEqual([["circuit.opened", { service: "maps", reason: "5 of 10 calls failed", breakMs: 5_000 }]]);
  });

  it("obeys failureRatio and minimumCalls", async () => {
    const strict = setUp({ failureRatio: 0.25, minimumCalls: 4 });
    for (let call = 0; call < 3; call += 1) await strict.succeed();
    await strict.fail();
    expect(strict.breaker.state).toBe("open");
  });

  it("forgets by age, not by visit: after an hour without traffic one failure opens nothing", async () => {
    const { clock, breaker, failTimes } = setUp();
    await failTimes(9);
    await clock.advance(3_600_000);
    await failTimes(1);
    expect(breaker.state).toBe("closed");
    await failTimes(9);
    expect(breaker.state).toBe("open");
  });

  it("counts the last windowMs only", async () => {
    const { clock, breaker, failTimes } = setUp({ windowMs: 1_000 });
    await failTimes(9);
    await clock.advance(1_001);
    await failTimes(9);
    expect(breaker.state).toBe("closed");
  });

  it.each([
    ["our own rate limit", failure("RATE_LIMITED")],
    ["the caller's abort", failure("ABORTED")],
    ["a full queue", failure("QUEUE_FULL")],
    [
      "a 429: the service is alive and asks for patience",
      failure("UPSTREAM_STATUS", { status: 429, verdict: "throttled" }),
    ],
    ["a missing row", failure("NOT_FOUND", { status: 404 })],
    ["a broken constraint", failure("CONFLICT", { sqlState: "23505" })],
    ["a wrong input", failure("INVALID_INPUT")],
    ["a bug in the caller's code", new TypeError("x is not a function")],
  ])("does not open for %s", async (_what, error) => {
    const { breaker, fail } = setUp();
    for (let call = 0; call < 50; call += 1) await fail(error);
    expect(breaker.state).toBe("closed");
  });

  it.each([
    ["a lost connection", reset()],
    ["a stalled attempt", failure("ATTEMPT_TIMEOUT")],
    ["a passed deadline", failure("DEADLINE_EXCEEDED")],
    ["a 503", unavailable()],
    ["a 501", failure("UPSTREAM_STATUS", { status: 501, verdict: "fatal" })],
    ["an answer that was lost", failure("OUTCOME_UNKNOWN")],
    ["a driver's raw error", Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })],
  ])("opens for %s", async (_what, error) => {
    const { breaker, fail } = setUp();
    for (let call = 0; call < 10; call += 1) await fail(error);
    expect(breaker.state).toBe("open");
  });

  it("opens for slow calls where slowCallMs says what slow is", async () => {
    const { clock, breaker, events } = setUp({ slowCallMs: 100, slowRatio: 0.5, minimumCalls: 4 });
    const take = async (ms: number) => {
      const call = breaker.run(() => new Promise<void>((resolve) => clock.setTimer(resolve, ms)));
      await clock.advance(ms);
      await call;
    };
    for (const ms of [50, 100, 101]) await take(ms);
    expect(breaker.state).toBe("closed");
    await take(101);
    expect(breaker.state).toBe("open");
    expect(events[0]?.[1]).toMatchObject({ reason: "2 of 4 calls took longer than 100 ms" });
  });

  it("counts only the last windowCalls, and of those only the young ones", async () => {
    const { clock, breaker, succeed, failTimes } = setUp({ windowCalls: 4, windowMs: 1_000 });
    await failTimes(1);
    for (let call = 0; call < 4; call += 1) await succeed();
    await failTimes(1);
    await clock.advance(1_001);
    await failTimes(3);
    expect(breaker.state).toBe("closed");
    await failTimes(1);
    expect(breaker.state).toBe("open");
  });

  it("keeps the last windowCalls for ever if windowMs is Infinity", async () => {
    const { clock, breaker, failTimes } = setUp({ windowCalls: 4, windowMs: Infinity });
    await failTimes(3);
    await clock.advance(30 * 86_400_000);
    await failTimes(1);
    expect(breaker.state).toBe("open");
  });

  it("asks isFailure first, and judges by itself where that has no opinion or throws", async () => {
    const isFailure = (error: unknown) => {
      const { status } = error as { status?: number };
      if (status === 404) return true;
      if (status === 503) return false;
      if (status === 500) throw new Error("a bug in the filter");
      return undefined;
    };
    const opens = async (error: unknown) => {
      const { breaker, failTimes, fail } = setUp({ isFailure });
      await failTimes(4);
      for (let call = 0; call < 6; call += 1) await fail(error);
      return breaker.state === "open";
    };
    expect(await opens(failure("NOT_FOUND", { status: 404 }))).toBe(true);
    expect(await opens(unavailable())).toBe(false);
    expect(await opens(failure("UPSTREAM_STATUS", { status: 500, verdict: "retryable" }))).toBe(true);
    expect(await opens(failure("CONFLICT", { status: 409 }))).toBe(false);
  });

  it("does not ask isFailure about aborts and refusals of ours", async () => {
    const { breaker, fail } = setUp({ isFailure: () => true });
    for (let call = 0; call < 50; call += 1) await fail(failure(call % 2 === 0 ? "ABORTED" : "RATE_LIMITED"));
    expect(breaker.state).toBe("closed");
  });

  it("passes on what the function returns and throws", async () => {
    const { breaker } = setUp();
    expect(await breaker.run(async () => 42)).toBe(42);
    const error = reset();
    expect(await breaker.run(() => Promise.reject(error)).catch((thrown: unknown) => thrown)).toBe(error);
  });

  it("is not disturbed by a listener that throws", async () => {
    const clock = new ManualClock();
    const onEvent = () => {
      throw new Error("listener");
    };
    const breaker = new CircuitBreaker({ clock, onEvent, minimumCalls: 1 });
    expect((await rejection(breaker.run(() => Promise.reject(reset())))).code).toBe("NETWORK");
    expect(breaker.state).toBe("open");
  });
});

describe("an open CircuitBreaker", () => {
  it("refuses without calling, says when to come back, and captures no stack", async () => {
    const { clock, breaker, failTimes } = setUp();
    await failTimes(10);
    await clock.advance(1_000);
    let called = false;
    const error = await rejection(breaker.run(async () => void (called = true)));
    expect(called).toBe(false);
    expect(error).toMatchObject({ code: "CIRCUIT_OPEN", verdict: "fatal", service: "maps", retryAfterMs: 4_000 });
    expect(error.stack?.split("\n").filter((line) => line.includes(" at "))).toEqual([]);
    expect(new Error("later").stack).toContain(" at ");
  });

  it("lets a probe through exactly when the break is over, without any timer", async () => {
    const { clock, breaker, events, failTimes, succeed } = setUp();
    await failTimes(10);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(4_999);
    expect([breaker.allows(), breaker.state]).toEqual([false, "open"]);
    await clock.advance(1);
    expect([breaker.allows(), breaker.state]).toEqual([true, "half-open"]);
    await succeed();
    expect(events.map(([name]) => name)).toEqual(["circuit.opened", "circuit.half_opened"]);
  });

  it("breaks for longer from break to break, up to maxBreakMs, and starts anew once it was healthy for healthyMs", async () => {
    const { clock, breaker, events, failTimes, succeed } = setUp({ maxBreakMs: 30_000, healthyMs: 7_000 });
    await failTimes(10);
    for (const breakMs of [5_000, 10_000, 20_000]) {
      await clock.advance(breakMs);
      await failTimes(1);
    }
    for (const closedMs of [6_999, 7_000]) {
      await clock.advance(30_000);
      for (let probe = 0; probe < 3; probe += 1) await succeed();
      expect(breaker.state).toBe("closed");
      await clock.advance(closedMs);
      await failTimes(10);
    }
    const breaks = events.flatMap(([, event]) => (event as { breakMs?: number }).breakMs ?? []);
    expect(breaks).toEqual([5_000, 10_000, 20_000, 30_000, 30_000, 5_000]);
  });

  it("shortens the break by up to a fifth, so that a fleet does not probe in step", async () => {
    const { events, failTimes } = setUp({ random: always(0.999) });
    await failTimes(10);
    expect((events[0]?.[1] as { breakMs: number }).breakMs).toBeCloseTo(4_001, 0);
  });

  it("ignores the late outcome of calls that began before it opened", async () => {
    const { clock, breaker, failTimes } = setUp();
    let finish = () => {};
    const slow = breaker.run(() => new Promise<void>((resolve) => (finish = resolve)));
    await failTimes(10);
    await clock.advance(5_000);
    const probe = breaker.run(() => new Promise<void>(() => undefined));
    void probe;
    finish();
    await slow;
    expect(breaker.state).toBe("half-open");
    for (let call = 0; call < 2; call += 1) await breaker.run(async () => undefined);
    expect(breaker.state).toBe("half-open");
  });
});

describe("a half-open CircuitBreaker", () => {
  async function halfOpen(options: BreakerOptions = {}) {
    const kit = setUp(options);
    await kit.failTimes(10);
    await kit.clock.advance(5_000);
    return kit;
  }

  it("lets as many probes through as it has permits", async () => {
    const { breaker } = await halfOpen({ halfOpenPermits: 2 });
    for (let probe = 0; probe < 2; probe += 1) void breaker.run(() => new Promise<void>(() => undefined));
    expect(breaker.allows()).toBe(false);
    expect(await rejection(breaker.run(async () => undefined))).toMatchObject({
      code: "CIRCUIT_OPEN",
      retryAfterMs: 5_000,
    });
  });

  it("closes after that many successes, and opens at the first failure", async () => {
    const good = await halfOpen();
    for (let probe = 0; probe < 3; probe += 1) await good.succeed();
    expect(good.breaker.state).toBe("closed");
    expect(good.events.at(-1)).toEqual(["circuit.closed", { service: "maps" }]);
    const bad = await halfOpen();
    await bad.succeed();
    await bad.fail();
    expect(bad.breaker.state).toBe("open");
    expect(bad.events.at(-1)?.[1]).toMatchObject({ reason: "a probe failed", breakMs: 10_000 });
  });

  it("takes a probe that is too slow for a failure", async () => {
    const { clock, breaker } = await halfOpen({ slowCallMs: 100 });
    const probe = breaker.run(() => new Promise<void>((resolve) => clock.setTimer(resolve, 101)));
    await clock.advance(101);
    await probe;
    expect(breaker.state).toBe("open");
  });

  it("gets the permit of an aborted or refused probe back", async () => {
    const { breaker, fail } = await halfOpen({ halfOpenPermits: 1 });
    for (const code of ["ABORTED", "RATE_LIMITED", "QUEUE_FULL"] as const) {
      await fail(failure(code));
      expect([code, breaker.allows()]).toEqual([code, true]);
    }
  });

  it("does not stay shut for ever behind probes that never come back", async () => {
    const { clock, breaker, succeed } = await halfOpen({ halfOpenPermits: 1 });
    void breaker.run(() => new Promise<void>(() => undefined));
    await clock.advance(59_999);
    expect(breaker.allows()).toBe(false);
    await clock.advance(1);
    await succeed();
    expect(breaker.state).toBe("closed");
  });
});

describe("a CircuitBreaker under concurrent calls that end in any order, aborted ones among them", () => {
  type Ending = "answer" | "fail" | "abort" | "throw at once";
  const ending = fc.constantFrom<Ending>("answer", "fail", "abort", "abort", "throw at once");

  it("has every permit back when the last call has ended", async () => {
    const plan = fc.array(fc.record({ ending, first: fc.boolean(), waitMs: fc.constantFrom(0, 0, 50) }), {
      minLength: 20,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(plan, fc.integer({ min: 1, max: 4 }), async (calls, halfOpenPermits) => {
        const { clock, breaker } = setUp({ halfOpenPermits, breakMs: 100, maxBreakMs: 3_600_000, minimumCalls: 3 });
        const pending: (() => void)[] = [];
        const all: Promise<unknown>[] = [];
        for (const { ending, first, waitMs } of calls) {
          const call = breaker.run(() => {
            if (ending === "throw at once") throw failure("ABORTED");
            return new Promise<void>((resolve, reject) =>
              pending.push(() =>
                ending === "answer" ? resolve() : reject(ending === "fail" ? reset() : failure("ABORTED")),
              ),
            );
          });
          all.push(call.catch(() => undefined));
          if (pending.length > 3) (first ? pending.shift() : pending.pop())?.();
          await clock.advance(waitMs);
        }
        for (const end of pending) end();
        await Promise.all(all);
        expect(breaker.share().probing).toBe(false);
        await clock.advance(breaker.snapshot().remainingMs);
        if (breaker.state === "closed") return;
        let probes = 0;
        for (; breaker.allows(); probes += 1) void breaker.run(() => new Promise<never>(() => undefined));
        // Successes of this half-open phase take part of the permits' place; none is lost, and none was given back twice.
        expect(probes).toBeGreaterThan(0);
        expect(probes).toBeLessThanOrEqual(halfOpenPermits);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a CircuitBreaker that ramps up", () => {
  const rampMs = 8_000;

  async function ramping() {
    const kit = setUp({ rampMs, halfOpenPermits: 1 });
    await kit.failTimes(10);
    await kit.clock.advance(5_000);
    await kit.succeed();
    const share = async (calls: number) => {
      let admitted = 0;
      for (let call = 0; call < calls; call += 1)
        await kit.breaker.run(async () => void (admitted += 1)).catch(() => undefined);
      return admitted / calls;
    };
    return { ...kit, share };
  }

  it("lets a growing share of the calls through after its probes, then all", async () => {
    const { clock, breaker, share, events } = await ramping();
    expect(breaker.state).toBe("half-open");
    expect(await share(8)).toBeCloseTo(2 / 8); // The first call at once, then every eighth.
    const shares: number[] = [];
    for (let step = 0; step < 4; step += 1) {
      await clock.advance(rampMs / 4);
      shares.push(await share(400));
    }
    expect(shares).toEqual([0.25, 0.5, 0.75, 1]);
    expect(breaker.state).toBe("closed");
    expect(events.map(([name]) => name)).toEqual(["circuit.opened", "circuit.half_opened", "circuit.closed"]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("tells those that it turns away when the ramp ends", async () => {
    const { clock, breaker } = await ramping();
    await clock.advance(500);
    await breaker.run(async () => undefined);
    const error = await rejection(breaker.run(async () => undefined));
    expect(error).toMatchObject({ code: "CIRCUIT_OPEN", retryAfterMs: 7_500 });
    expect(error.message).toContain("only some calls");
  });

  it("opens again, for longer, if the failures come back meanwhile", async () => {
    const { breaker, clock, events, fail } = await ramping();
    await clock.advance(4_000);
    for (let call = 0; call < 20; call += 1) await fail();
    expect(breaker.state).toBe("open");
    expect(events.at(-1)).toEqual([
      "circuit.opened",
      { service: "maps", reason: "10 of 10 calls failed", breakMs: 10_000 },
    ]);
  });
});

describe("a CircuitBreaker whose clock is set", () => {
  /** Monotonic time that is not: a host's own clock made of `Date.now`. */
  function setClock() {
    const clock = new ManualClock();
    let offsetMs = 0;
    const shifted = { ...clock, now: () => clock.now() + offsetMs, wallNow: () => clock.wallNow() + offsetMs };
    const jump = (ms: number) => void (offsetMs += ms);
    return { clock: { ...shifted, setTimer: clock.setTimer.bind(clock) }, jump };
  }
  const HOUR_MS = 3_600_000;

  it.each([-HOUR_MS, HOUR_MS, 600_000])("is not stuck open after a jump of %d ms", async (ms) => {
    const { clock, jump } = setClock();
    jump(2 * HOUR_MS);
    const { breaker, failTimes, succeed } = setUp({ clock, halfOpenPermits: 1 } as never);
    await failTimes(10);
    jump(ms);
    await succeed();
    expect(breaker.state).toBe("closed");
  });

  it.each([{}, { windowCalls: 10 }])("counts nothing from before a jump back of an hour (%j)", async (options) => {
    const { clock, jump } = setClock();
    const { breaker, failTimes } = setUp({ clock, ...options } as never);
    await failTimes(9);
    jump(-HOUR_MS);
    await failTimes(9);
    expect(breaker.state).toBe("closed");
    await failTimes(1);
    expect(breaker.state).toBe("open");
  });

  it("is not stuck behind lost probes after a jump back, nor does a ramp last longer", async () => {
    const { clock, jump } = setClock();
    const { breaker, failTimes, succeed } = setUp({ clock, halfOpenPermits: 1, rampMs: 1_000 } as never);
    await failTimes(10);
    jump(5_000);
    void breaker.run(() => new Promise<void>(() => undefined));
    jump(-HOUR_MS);
    await succeed();
    jump(-HOUR_MS);
    expect(breaker.state).toBe("closed");
  });

  it("does not feel the wall clock alone", async () => {
    const { clock, breaker, failTimes } = setUp();
    await failTimes(10);
    clock.jumpWall(HOUR_MS);
    expect(breaker.state).toBe("open");
    clock.jumpWall(-2 * HOUR_MS);
    await clock.advance(5_000);
    expect(breaker.state).toBe("half-open");
  });
});

describe("CircuitBreaker by hand", () => {
  it("lets nothing through while isolated, whatever the time, until it is closed", async () => {
    const { clock, breaker, events, succeed } = setUp();
    breaker.isolate();
    breaker.isolate();
    await clock.advance(86_400_000);
    const error = await rejection(succeed());
    expect(error.code).toBe("CIRCUIT_OPEN");
    expect(error.message).toContain("isolated by hand");
    expect(error.retryAfterMs).toBeUndefined();
    breaker.close();
    expect(await succeed()).toBe("ok");
    expect(events.map(([name]) => name)).toEqual(["circuit.opened", "circuit.closed"]);
  });

  it("forgets its counts when closed by hand", async () => {
    const { breaker, failTimes } = setUp();
    await failTimes(9);
    breaker.close();
    await failTimes(9);
    expect(breaker.state).toBe("closed");
  });
});

describe("a CircuitBreaker's snapshot", () => {
  const copy = (snapshot: BreakerSnapshot) => JSON.parse(JSON.stringify(snapshot)) as BreakerSnapshot;

  it("carries an open circuit into another process, the time between included", async () => {
    const { clock, breaker, failTimes } = setUp();
    await failTimes(10);
    await clock.advance(1_000);
    const snapshot = copy(breaker.snapshot());
    expect(snapshot).toMatchObject({ state: "open", remainingMs: 4_000, opens: 1 });

    const other = new ManualClock({ wallNow: clock.wallNow() + 3_000 });
    const restored = new CircuitBreaker({ clock: other, random: always(0) });
    restored.restore(snapshot);
    await other.advance(999);
    expect(restored.state).toBe("open");
    await other.advance(1);
    expect(restored.state).toBe("half-open");
  });

  it("carries the counts of a closed one, as old as they are", async () => {
    const { clock, breaker, failTimes } = setUp();
    await failTimes(9);
    const young = new CircuitBreaker({ clock: new ManualClock({ wallNow: clock.wallNow() + 1_000 }) });
    young.restore(copy(breaker.snapshot()));
    await young.run(() => Promise.reject(reset())).catch(() => undefined);
    expect(young.state).toBe("open");
    const old = new CircuitBreaker({ clock: new ManualClock({ wallNow: clock.wallNow() + 60_000 }) });
    old.restore(copy(breaker.snapshot()));
    await old.run(() => Promise.reject(reset())).catch(() => undefined);
    expect(old.state).toBe("closed");
  });

  it("carries the last calls of a count window, in their order", async () => {
    const { clock, breaker, succeed, failTimes } = setUp({ windowCalls: 4, failureRatio: 0.75 });
    await failTimes(2);
    await succeed();
    await clock.advance(10);
    const other = new CircuitBreaker({ clock, windowCalls: 4, failureRatio: 0.75 });
    other.restore(copy(breaker.snapshot()));
    const fail = () => other.run(() => Promise.reject(reset())).catch(() => undefined);
    await other.run(async () => undefined); // f f s s
    await fail(); // f s s f
    expect([other.state, other.snapshot().window.map(({ failures }) => failures)]).toEqual(["closed", [1, 0, 0, 1]]);
    await fail();
    await fail(); // s f f f
    expect(other.state).toBe("open");
  });

  it("fits into a window of the other kind, as bad as it was", async () => {
    const { clock, breaker, succeed, failTimes } = setUp();
    for (let call = 0; call < 5; call += 1) await succeed();
    await failTimes(4);
    const other = new CircuitBreaker({ clock, windowCalls: 9, minimumCalls: 9 });
    other.restore(copy(breaker.snapshot()));
    expect(other.snapshot().window.map(({ failures }) => failures)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1]);
    await other.run(() => Promise.reject(reset())).catch(() => undefined);
    expect(other.state).toBe("open");
  });

  it("carries a ramp, and the breaks of a circuit that has just closed", async () => {
    const options = { rampMs: 1_000, halfOpenPermits: 1, random: always(0) };
    const { clock, breaker, failTimes, succeed } = setUp(options);
    await failTimes(10);
    await clock.advance(5_000);
    await succeed();
    await clock.advance(400);
    const restoredAt = (laterMs: number, from = breaker) => {
      const later = new ManualClock({ wallNow: clock.wallNow() + laterMs });
      const restored = new CircuitBreaker({ ...options, clock: later });
      restored.restore(copy(from.snapshot()));
      return restored;
    };
    expect(restoredAt(599).state).toBe("half-open");
    const closed = restoredAt(600);
    expect(closed.state).toBe("closed");
    for (let call = 0; call < 10; call += 1) await closed.run(() => Promise.reject(reset())).catch(() => undefined);
    expect(closed.snapshot()).toMatchObject({ opens: 2, remainingMs: 10_000 });
  });

  it("of version 0.1 is understood", () => {
    const restored = new CircuitBreaker();
    restored.restore({ state: "closed", at: 0, remainingMs: 0, opens: 0, window: [] } as never);
    expect(restored.state).toBe("closed");
  });

  it("keeps an isolated one isolated", () => {
    const { breaker } = setUp();
    breaker.isolate();
    const other = new CircuitBreaker();
    other.restore(copy(breaker.snapshot()));
    expect(other.state).toBe("isolated");
  });

  it.each([
    null,
    {},
    { state: "ajar", at: 0, remainingMs: 0, opens: 0, window: [] },
    { state: "open", at: 0, remainingMs: -1, opens: 0, window: [{}] },
  ])("refuses %j", (value) => {
    expect(thrownBy(() => new CircuitBreaker().restore(value as never)).code).toBe("INVALID_INPUT");
  });
});

it("a CircuitBreaker names every bad option at once", () => {
  const options = {
    failureRatio: 0,
    slowRatio: 2,
    minimumCalls: 0,
    windowMs: 1,
    windowCalls: 1.5,
    halfOpenPermits: 101,
    rampMs: -1,
    breakMs: 0,
    healthyMs: NaN,
    slowCallMs: 0,
    isFailure: "always" as never,
  };
  const { message } = thrownBy(() => new CircuitBreaker(options));
  for (const name of Object.keys(options)) expect(message).toContain(name);
  expect(thrownBy(() => new CircuitBreaker({ breakMs: 1_000, maxBreakMs: 999 })).message).toContain("maxBreakMs");
  expect(thrownBy(() => new CircuitBreaker({ minimumCalls: 6, windowCalls: 5 })).message).toContain("never opens");
  expect(thrownBy(() => new CircuitBreaker({ windowMs: Infinity })).message).toContain("windowMs");
});
