import fc from "fast-check";
import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { CallScopes, type CallSpec, EventBus, type Priority, type TimerHandle } from "../../src/core/index.ts";
import { createPipeline, RateLimiter } from "../../src/resilience/index.ts";
import { EventRecorder, ManualClock, seededRandom } from "../../src/testing/index.ts";
import { deaf, failure, idempotent, rejection, reset } from "./helpers.ts";

describe("aborting a call", () => {
  it("rejects at once and makes no further attempt, although the attempt ignores its signal", async () => {
    const clock = new ManualClock();
    const pipeline = createPipeline({ clock });
    const controller = new AbortController();
    let begun = 0;
    let release: (error: unknown) => void = () => {};
    const outcome = rejection(
      pipeline.run({ ...idempotent, signal: controller.signal }, () => {
        begun += 1;
        return new Promise((_resolve, reject) => (release = reject));
      }),
    );
    await clock.advance(10);
    controller.abort(new Error("user went away"));
    const error = await outcome;
    expect([error.code, (error.cause as Error).message, clock.now()]).toEqual(["ABORTED", "user went away", 10]);

    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", listen);
    release(reset());
    await clock.advance(60_000);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", listen);
    expect([begun, unhandled]).toEqual([1, []]);
  });

  it("does not begin under a signal that has fired", async () => {
    const pipeline = createPipeline({ clock: new ManualClock() });
    let begun = false;
    const spec = { ...idempotent, signal: AbortSignal.abort() };
    const error = await rejection(pipeline.run(spec, async () => void (begun = true)));
    expect([error.code, error.verdict, error.attempts, begun]).toEqual(["ABORTED", "fatal", 0, false]);
  });

  it("follows the scope's signal as well as its own", async () => {
    const clock = new ManualClock();
    const scopes = new CallScopes();
    const pipeline = createPipeline({ clock, scopes });
    const [own, scope] = [new AbortController(), new AbortController()];
    const outcome = scopes.run({ signal: scope.signal }, () =>
      rejection(pipeline.run({ ...idempotent, signal: own.signal }, deaf)),
    );
    await clock.advance(0);
    scope.abort();
    expect((await outcome).code).toBe("ABORTED");
    expect(getEventListeners(own.signal, "abort")).toHaveLength(0);
  });

  it("in the very moment in which an attempt fails schedules no retry and spends no budget", async () => {
    const clock = new ManualClock();
    const events = new EventBus();
    const recorder = new EventRecorder(events);
    const controller = new AbortController();
    events.on("attempt.failed", () => controller.abort());
    const pipeline = createPipeline({ clock, events });
    const spec = { ...idempotent, signal: controller.signal };
    expect((await rejection(pipeline.run(spec, () => Promise.reject(reset())))).code).toBe("ABORTED");
    expect(recorder.names).toEqual(["attempt.failed", "call.finished"]);
    expect(pipeline.budget("maps")?.available).toBe(100);
  });

  it("in the very moment in which its turn comes begins no attempt", async () => {
    const clock = new ManualClock();
    const events = new EventBus();
    const limiter = new RateLimiter({ clock, events, limits: { quota: { requests: 1, windowMs: 1_000 } } });
    const pipeline = createPipeline({ clock, limiter });
    const controller = new AbortController();
    events.on("limit.waited", () => controller.abort());
    limiter.check("quota", "k");
    let begun = false;
    const spec = { ...idempotent, signal: controller.signal, limit: { name: "quota", key: "k", wait: true } };
    const outcome = rejection(pipeline.run(spec, async () => void (begun = true)));
    await clock.advance(1_000);
    expect([(await outcome).code, begun]).toEqual(["ABORTED", false]);
  });

  it("reaches the attempt's signal with the same error that the caller gets", async () => {
    const clock = new ManualClock();
    const pipeline = createPipeline({ clock });
    const controller = new AbortController();
    let seen: AbortSignal | undefined;
    const outcome = rejection(
      pipeline.run({ ...idempotent, signal: controller.signal }, ({ signal }) => ((seen = signal), deaf())),
    );
    await clock.advance(0);
    controller.abort();
    expect(seen?.reason).toBe(await outcome);
  });
});

it("whoever aborts when, no permit, timer, listener or call is left behind", async () => {
  const call = fc.record({
    gapMs: fc.nat(300),
    abortAfterMs: fc.option(fc.nat(2_500)),
    deadlineMs: fc.constantFrom(50, 400, 3_000),
    behaviour: fc.constantFrom("quick", "slow", "deaf", "reset", "throttled", "wrong"),
    wait: fc.boolean(),
    isIdempotent: fc.boolean(),
    hedge: fc.boolean(),
    cached: fc.boolean(),
    priority: fc.constantFrom<Priority>("high", "normal", "low"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 5, maxLength: 40 }), fc.integer(), async (calls, seed) => {
      const clock = new ManualClock();
      const limiter = new RateLimiter({
        clock,
        limits: { quota: { requests: 10, windowMs: 1_000, burst: 2 } },
        maxWaiters: 5,
      });
      const pipeline = createPipeline({
        clock,
        limiter,
        random: seededRandom(seed),
        maxConcurrent: { max: 4, queue: 3 },
        services: {
          maps: {
            concurrency: { max: 2, queue: 3, maxWaitMs: 300, drop: "drop-oldest" },
            breaker: { minimumCalls: 4, breakMs: 200, halfOpenPermits: 2 },
          },
        },
      });
      const lateTimers: TimerHandle[] = [];
      const signals: AbortSignal[] = [];
      const settled: Promise<void>[] = [];
      let sentTwice = 0;

      for (const { gapMs, abortAfterMs, deadlineMs, behaviour, wait, isIdempotent, ...more } of calls) {
        const controller = new AbortController();
        signals.push(controller.signal);
        if (abortAfterMs !== null) clock.setTimer(() => controller.abort(), abortAfterMs);
        const limit = { name: "quota", key: "k", wait };
        const { signal } = controller;
        const spec: CallSpec = {
          service: "maps",
          operation: "any",
          idempotent: isIdempotent,
          deadlineMs,
          signal,
          limit,
          priority: more.priority,
          ...(more.hedge && { hedge: { afterMs: 20, maxHedges: 2 } }),
          ...(more.cached && { cache: { key: "k", ttlMs: 20, staleWhileRevalidateMs: 50, staleIfErrorMs: 50 } }),
        };
        const startedAt = clock.now();
        let lost = false;
        const result = pipeline.run(spec, async () => {
          if (lost && !isIdempotent) sentTwice += 1;
          if (behaviour === "deaf") return deaf();
          if (behaviour === "slow") await new Promise<void>((resolve) => lateTimers.push(clock.setTimer(resolve, 120)));
          if (behaviour === "throttled")
            throw failure("UPSTREAM_STATUS", { status: 429, verdict: "throttled", notSent: true, retryAfterMs: 30 });
          if (behaviour === "wrong") throw failure("INVALID_INPUT", { status: 400 });
          if (behaviour === "reset") {
            lost = true;
            throw reset();
          }
          return "done";
        });
        settled.push(
          result.then(
            () => undefined,
            (error: { code: string; callId: string }) => {
              expect(clock.now() - startedAt).toBeLessThanOrEqual(deadlineMs);
              expect(pipeline.explain(error.callId)?.outcome).toBe("error");
            },
          ),
        );
        await clock.advance(gapMs);
      }
      await clock.advance(10_000);
      await Promise.all(settled);
      for (const timer of lateTimers) timer.cancel();

      expect(sentTwice).toBe(0);
      expect([pipeline.inFlight, limiter.waiting, clock.pendingTimers]).toEqual([0, 0, 0]);
      expect(pipeline.concurrency("maps")).toEqual({ inFlight: 0, waiting: 0, max: 2 });
      for (const signal of signals) expect(getEventListeners(signal, "abort")).toHaveLength(0);
      // Every permit is back: as many calls as there are permits run side by side.
      pipeline.breaker("maps")?.close();
      const together = [1, 2].map(() => pipeline.run({ ...idempotent, service: "maps" }, async () => clock.now()));
      expect(await Promise.all(together)).toEqual([clock.now(), clock.now()]);
    }),
    { numRuns: 150 },
  );
});
