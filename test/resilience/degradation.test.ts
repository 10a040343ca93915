import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CacheRule, CallScopes, type CallSpec, EventBus } from "../../src/core/index.ts";
import { createPipeline, type PipelineOptions } from "../../src/resilience/index.ts";
import { EventRecorder, ManualClock } from "../../src/testing/index.ts";
import { always, deaf, failure, idempotent, rejection, reset, thrownBy, unavailable, write } from "./helpers.ts";

function setUp(options: PipelineOptions = {}) {
  const clock = new ManualClock();
  const events = new EventBus();
  const pipeline = createPipeline({ clock, events, random: always(0), ...options });
  let answers = 0;
  let failing: unknown;
  /** A service that counts its answers, takes `ms`, and fails while it is told to. */
  const ask =
    (ms = 0) =>
    async ({ signal }: { readonly signal: AbortSignal }) => {
      if (ms > 0)
        await new Promise<void>((resolve, reject) => {
          const timer = clock.setTimer(resolve, ms);
          signal.addEventListener("abort", () => (timer.cancel(), reject(signal.reason)));
        });
      answers += 1;
      if (failing !== undefined) throw failing;
      return answers;
    };
  const fail = (error: unknown) => void (failing = error);
  const get = (rule: Partial<CacheRule> = {}, spec: Partial<CallSpec> = {}, ms = 0) =>
    pipeline.runWithMeta({ ...idempotent, maxAttempts: 1, ...spec, cache: { key: "k", ...rule } }, ask(ms));
  return { clock, events, pipeline, recorder: new EventRecorder(events), get, fail, asked: () => answers };
}

describe("a cached answer", () => {
  it("is not kept where the rule says so; who waited for it gets it all the same", async () => {
    const { get, asked } = setUp();
    const keepIf = (answer: unknown) => answer === 2;
    const both = await Promise.all([get({ keepIf }), get({ keepIf })]);
    expect([both.map(({ value }) => value), asked()]).toEqual([[1, 1], 1]);
    expect((await get({ keepIf })).value).toBe(2);
    expect(await get({ keepIf })).toMatchObject({ value: 2, meta: { cached: "fresh" } });
  });

  it("is given again while it is fresh, with its age, and fetched anew after that", async () => {
    const { clock, get, recorder } = setUp();
    expect((await get({ ttlMs: 100 })).meta).toMatchObject({ attempts: 1 });
    await clock.advance(99);
    const { value, meta } = await get({ ttlMs: 100 });
    expect([value, meta]).toEqual([1, { callId: meta.callId, attempts: 0, cached: "fresh", ageMs: 99 }]);
    await clock.advance(1);
    expect(await get({ ttlMs: 100 })).toMatchObject({ value: 2, meta: { attempts: 1 } });
    expect(recorder.of("call.finished").map(({ cached }) => cached)).toEqual([undefined, "fresh", undefined]);
  });

  it("lasts a minute unless told otherwise", async () => {
    const { clock, get, asked } = setUp();
    await get();
    await clock.advance(59_999);
    await get();
    expect(asked()).toBe(1);
    await clock.advance(1);
    await get();
    expect(asked()).toBe(2);
  });

  it("belongs to one service, operation and key", async () => {
    const { get, asked } = setUp();
    await get();
    await get({ key: "other" });
    await get({}, { operation: "other" });
    await get({}, { service: "other" });
    expect(asked()).toBe(4);
  });

  it("may be undefined or null", async () => {
    const { pipeline } = setUp();
    for (const value of [undefined, null]) {
      const spec = { ...idempotent, cache: { key: String(value) } };
      await pipeline.run(spec, async () => value);
      const again = await pipeline.runWithMeta(spec, async () => "asked again");
      expect(again).toMatchObject({ value, meta: { cached: "fresh" } });
    }
  });

  it("is never a failure", async () => {
    const { get, fail, asked } = setUp();
    fail(failure("INVALID_INPUT", { status: 400 }));
    await rejection(get());
    await rejection(get());
    expect(asked()).toBe(2);
  });

  it("can be forgotten", async () => {
    const { get, pipeline, asked } = setUp();
    await get();
    expect(pipeline.forget("maps", "lookup", "k")).toBe(true);
    expect(pipeline.forget("maps", "lookup", "k")).toBe(false);
    await get();
    expect(asked()).toBe(2);
  });

  it("can be forgotten while it is on its way: whoever asks after that is given a newer one", async () => {
    const { clock, get, pipeline, asked } = setUp();
    const before = get({}, {}, 50);
    await clock.advance(10);
    pipeline.forget("maps", "lookup", "k");
    const after = get({}, {}, 50);
    await clock.advance(60);
    expect([(await before).value, (await after).value, asked()]).toEqual([1, 2, 2]);
    expect((await get()).value).toBe(2);
  });

  it("does not hide that the caller has left", async () => {
    const { get } = setUp();
    await get();
    expect((await rejection(get({}, { signal: AbortSignal.abort() }))).code).toBe("ABORTED");
  });
});

describe("the cache's bounds", () => {
  it("let the least recently used answer go when there are too many", async () => {
    const { get, asked } = setUp({ cache: { maxEntries: 2 } });
    for (const key of ["a", "b", "a", "c", "a"]) await get({ key });
    expect(asked()).toBe(3);
    await get({ key: "b" });
    expect(asked()).toBe(4);
  });

  it("count bytes, estimated or as the host says, and keep nothing that is too big by itself", async () => {
    const { pipeline } = setUp({ cache: { maxBytes: 10_000 } });
    const cached = async (key: string, value: unknown) => {
      const spec = { ...idempotent, cache: { key } };
      await pipeline.run(spec, async () => value);
      return (await pipeline.runWithMeta(spec, async () => "again")).meta.cached === "fresh";
    };
    expect(await cached("small", "x".repeat(1_000))).toBe(true);
    expect(await cached("big", "x".repeat(6_000))).toBe(false);
    expect(await cached("buffer", { part: Buffer.alloc(9_900) })).toBe(false);

    const own = setUp({ cache: { maxBytes: 10_000, sizeOf: () => 20_000 } });
    await own.get();
    await own.get();
    expect(own.asked()).toBe(2);
  });

  it("are checked at construction", () => {
    const { message } = thrownBy(() => createPipeline({ cache: { maxEntries: 0, maxBytes: 1.5 }, remember: 0 }));
    for (const name of ["cache.maxEntries", "cache.maxBytes", "remember"]) expect(message).toContain(name);
  });

  it.each([{ ttlMs: -1 }, { ttlMs: NaN }, { staleIfErrorMs: -1 }, { staleWhileRevalidateMs: NaN }])(
    "refuse a call with %j",
    async (rule) => expect((await rejection(setUp().get(rule))).code).toBe("INVALID_INPUT"),
  );
});

describe("calls for the same answer at the same time", () => {
  it("make one request, whose answer all of them get", async () => {
    const { clock, get, asked, pipeline } = setUp();
    const calls = [1, 2, 3].map(() => get({}, {}, 50));
    await clock.advance(50);
    const answers = await Promise.all(calls);
    expect([asked(), answers.map(({ value }) => value)]).toEqual([1, [1, 1, 1]]);
    expect(answers.map(({ meta }) => meta.cached)).toEqual([undefined, "fresh", "fresh"]);
    expect(pipeline.explain(answers[1]?.meta.callId as string)).toMatchObject({
      attempts: 0,
      durationMs: 50,
      otherMs: 0,
      steps: [
        { step: "wait", for: "single flight", durationMs: 50 },
        { step: "cache", answer: "joined" },
      ],
    });
  });

  it("share its failure, each with an error of its own", async () => {
    const { clock, get, fail, asked } = setUp();
    fail(failure("NOT_FOUND", { status: 404 }));
    const [first, second] = [1, 2].map(() => rejection(get({}, {}, 50)));
    await clock.advance(50);
    const errors = [await first, await second];
    expect(asked()).toBe(1);
    expect(errors.map((error) => [error?.code, error?.status])).toEqual([
      ["NOT_FOUND", 404],
      ["NOT_FOUND", 404],
    ]);
    expect(errors[0]?.callId).not.toBe(errors[1]?.callId);
  });

  it("leave the one who asks alone when one who waits loses patience", async () => {
    const { clock, get, asked } = setUp();
    const leader = get({}, {}, 50);
    const controller = new AbortController();
    const aborted = rejection(get({}, { signal: controller.signal }, 50));
    const hasty = rejection(get({}, { deadlineMs: 20 }, 50));
    await clock.advance(10);
    controller.abort();
    expect((await aborted).code).toBe("ABORTED");
    await clock.advance(10);
    expect((await hasty).code).toBe("DEADLINE_EXCEEDED");
    await clock.advance(30);
    expect([(await leader).value, asked()]).toEqual([1, 1]);
  });

  it.each(["abort", "deadline"])(
    "go on without the one who asks: after its %s another one asks in its place",
    async (end) => {
      const { clock, get, asked, pipeline } = setUp();
      const controller = new AbortController();
      const spec = end === "abort" ? { signal: controller.signal } : { deadlineMs: 20 };
      const leader = rejection(get({}, spec, 50));
      const followers = [1, 2].map(() => get({}, {}, 50));
      await clock.advance(20);
      controller.abort();
      expect((await leader).code).toBe(end === "abort" ? "ABORTED" : "DEADLINE_EXCEEDED");
      await clock.advance(50);
      expect((await Promise.all(followers)).map(({ value }) => value)).toEqual([1, 1]);
      expect([asked(), pipeline.inFlight]).toEqual([1, 0]);
    },
  );
});

describe("stale-while-revalidate", () => {
  const rule = { ttlMs: 100, staleWhileRevalidateMs: 100 };

  it("gives the old answer at once, says so, and fetches one new one behind the caller's back", async () => {
    const { clock, get, asked, pipeline } = setUp();
    await get(rule);
    await clock.advance(150);
    const stale = await Promise.all([get(rule, {}, 30), get(rule, {}, 30)]);
    for (const { value, meta } of stale)
      expect([value, meta]).toMatchObject([1, { cached: "stale", degraded: "revalidating", ageMs: 150, attempts: 0 }]);
    expect([asked(), pipeline.inFlight]).toEqual([1, 1]);
    await clock.advance(30);
    expect([asked(), pipeline.inFlight]).toEqual([2, 0]);
    expect(await get(rule)).toMatchObject({ value: 2, meta: { cached: "fresh", ageMs: 0 } });
  });

  it("neither dies with its caller nor inherits the request's deadline", async () => {
    const scopes = new CallScopes();
    const { clock, get, asked } = setUp({ scopes });
    await get(rule);
    await clock.advance(150);
    const controller = new AbortController();
    const scope = { deadlineAt: clock.now() + 10, signal: controller.signal };
    await scopes.run(scope, () => get(rule, { signal: controller.signal }, 30));
    controller.abort();
    await clock.advance(30);
    expect([asked(), (await get(rule)).value]).toEqual([2, 2]);
  });

  it("keeps the old answer, and troubles nobody, when the new one cannot be had", async () => {
    const { clock, get, fail } = setUp();
    await get(rule);
    await clock.advance(150);
    fail(reset());
    expect((await get(rule)).meta.degraded).toBe("revalidating");
    await clock.advance(10);
    expect((await get(rule)).value).toBe(1);
    await clock.advance(40);
    expect((await rejection(get(rule))).code).toBe("NETWORK");
  });

  it("is waited for when the pipeline closes, and not begun after that", async () => {
    const { clock, get, pipeline } = setUp();
    await get(rule);
    await clock.advance(150);
    await get(rule, {}, 30);
    let closed = false;
    const closing = pipeline.close().then(() => (closed = true));
    await clock.advance(29);
    expect(closed).toBe(false);
    await clock.advance(1);
    await closing;
  });
});

describe("stale-if-error", () => {
  const rule = { ttlMs: 100, staleIfErrorMs: 1_000 };

  it.each([
    ["network", reset()],
    ["server-error", unavailable()],
    ["server-error", failure("UPSTREAM_STATUS", { status: 501, verdict: "fatal" })],
    ["deadline", failure("ATTEMPT_TIMEOUT")],
  ] as const)("gives the old answer where the service cannot: %s", async (degraded, error) => {
    const { clock, get, fail, recorder, pipeline } = setUp();
    await get(rule);
    await clock.advance(500);
    fail(error);
    const { value, meta } = await get(rule);
    expect([value, meta]).toMatchObject([1, { cached: "stale", degraded, ageMs: 500, attempts: 1 }]);
    expect(recorder.of("call.finished").at(-1)).toMatchObject({ outcome: "ok", cached: "stale", degraded });
    expect(pipeline.explain(meta.callId)?.steps.at(-1)).toMatchObject({
      step: "cache",
      answer: "stale",
      reason: degraded,
    });
  });

  it("gives it while the circuit is open, and when the deadline passes", async () => {
    const { clock, get, pipeline } = setUp();
    await get(rule);
    await clock.advance(500);
    const late = get(rule, { deadlineMs: 50 }, 1_000);
    await clock.advance(50);
    expect((await late).meta.degraded).toBe("deadline");
    pipeline.breaker("maps")?.isolate();
    expect((await get(rule)).meta).toMatchObject({ degraded: "circuit-open", attempts: 0 });
  });

  it.each([
    failure("INVALID_INPUT", { status: 400 }),
    failure("NOT_FOUND", { status: 404 }),
    failure("UNAUTHENTICATED"),
  ])("never takes the place of an answer: %s", async (error) => {
    const { clock, get, fail } = setUp();
    await get(rule);
    await clock.advance(500);
    fail(error);
    expect((await rejection(get(rule))).code).toBe(error.code);
  });

  it("ends after its time", async () => {
    const { clock, get, fail } = setUp();
    await get(rule);
    await clock.advance(1_100);
    fail(reset());
    expect((await rejection(get(rule))).code).toBe("NETWORK");
  });

  it("is nothing for a caller who has left", async () => {
    const { clock, get } = setUp();
    await get(rule);
    await clock.advance(500);
    const controller = new AbortController();
    const outcome = rejection(get(rule, { signal: controller.signal }, 100));
    await clock.advance(10);
    controller.abort();
    expect((await outcome).code).toBe("ABORTED");
  });
});

describe("a read-only service", () => {
  it("refuses what may write, and nothing else, until it is read-write again", async () => {
    const { pipeline, recorder } = setUp();
    pipeline.setMode("maps", "read-only", "the primary is being moved");
    pipeline.setMode("maps", "read-only", "the primary is being moved");
    const done = async () => "done";
    const error = await rejection(pipeline.run(write, done));
    expect(error).toMatchObject({ code: "READ_ONLY", verdict: "fatal", service: "maps", attempts: 0 });
    expect(error.message).toContain("the primary is being moved");
    expect(pipeline.explain(error.callId as string)?.steps).toMatchObject([{ step: "refusal", by: "degradation" }]);
    expect((await rejection(pipeline.run({ ...idempotent, write: true }, done))).code).toBe("READ_ONLY");
    expect(await pipeline.run(idempotent, done)).toBe("done");
    expect(await pipeline.run({ ...write, write: false }, done)).toBe("done");
    expect(await pipeline.run({ ...write, service: "other" }, done)).toBe("done");
    expect(pipeline.describe().settings["degradation"]).toMatchObject({
      readOnly: { maps: "the primary is being moved" },
    });
    pipeline.setMode("maps", "read-write", "moved");
    expect([pipeline.mode("maps"), await pipeline.run(write, done)]).toEqual(["read-write", "done"]);
    expect(recorder.of("service.mode_changed").map(({ mode }) => mode)).toEqual(["read-only", "read-write"]);
  });
});

it("a stream is never cached, whatever its call says", async () => {
  const { pipeline } = setUp();
  const items = async () => {
    const seen: number[] = [];
    for await (const item of pipeline.stream({ ...idempotent, cache: { key: "k" } }, async function* () {
      yield 1;
      yield 2;
    }))
      seen.push(item);
    return seen;
  };
  expect([await items(), await items()]).toEqual([
    [1, 2],
    [1, 2],
  ]);
});

it("whoever leaves when, every caller of a shared answer gets one in time, and nothing is left behind", async () => {
  const caller = fc.record({
    gapMs: fc.nat(60),
    deadlineMs: fc.constantFrom(20, 80, 500),
    abortAfterMs: fc.option(fc.nat(120)),
    takesMs: fc.nat(60),
    behaviour: fc.constantFrom("answers", "fails", "deaf"),
  });
  const rule = { key: "k", ttlMs: 50, staleWhileRevalidateMs: 50, staleIfErrorMs: 100 };
  await fc.assert(
    fc.asyncProperty(fc.array(caller, { maxLength: 25 }), async (callers) => {
      const clock = new ManualClock();
      const pipeline = createPipeline({ clock, random: always(0), services: { maps: { breaker: false } } });
      const settled: Promise<void>[] = [];
      let together = 0;
      for (const { gapMs, deadlineMs, abortAfterMs, takesMs, behaviour } of callers) {
        const controller = new AbortController();
        if (abortAfterMs !== null) clock.setTimer(() => controller.abort(), abortAfterMs);
        const startedAt = clock.now();
        const spec = { ...idempotent, maxAttempts: 1, deadlineMs, signal: controller.signal, cache: rule };
        const result = pipeline.run(spec, async ({ signal }) => {
          expect((together += 1)).toBe(1);
          signal.addEventListener("abort", () => (together -= 1), { once: true });
          if (behaviour === "deaf") return deaf();
          await new Promise<void>((resolve) => clock.setTimer(resolve, takesMs));
          if (!signal.aborted) together -= 1;
          if (behaviour === "fails") throw reset();
          return "answer";
        });
        const inTime = () => expect(clock.now() - startedAt).toBeLessThanOrEqual(deadlineMs);
        settled.push(result.then(inTime, inTime));
        await clock.advance(gapMs);
      }
      await clock.advance(60_000);
      await Promise.all(settled);
      expect([pipeline.inFlight, clock.pendingTimers]).toEqual([0, 0]);
    }),
    { numRuns: 200 },
  );
});
