import { describe, expect, it } from "vitest";
import {
  type AttemptContext,
  CallScopes,
  type CallSpec,
  EventBus,
  type IntegrationError,
} from "../../src/core/index.ts";
import { createPipeline, type LimitOptions, type PipelineOptions, RateLimiter } from "../../src/resilience/index.ts";
import { EventRecorder, ManualClock } from "../../src/testing/index.ts";
import { always, deaf, failure, idempotent, rejection, reset, thrownBy, unavailable, write } from "./helpers.ts";

function setUp(options: PipelineOptions = {}) {
  const clock = new ManualClock();
  const events = new EventBus();
  let ids = 0;
  const idFactory = () => `call-${++ids}`;
  const pipeline = createPipeline({ clock, events, random: always(0.999_999), idFactory, ...options });
  return { clock, events, pipeline, recorder: new EventRecorder(events) };
}

/** Fails with each of `errors` in turn, then succeeds. */
function attempts(...errors: unknown[]) {
  const seen: AttemptContext[] = [];
  const run = async (context: AttemptContext) => {
    seen.push(context);
    if (seen.length <= errors.length) throw errors[seen.length - 1];
    return "done";
  };
  return { run, seen };
}

describe("the pipeline's retries", () => {
  it("repeat an idempotent call until it succeeds", async () => {
    const { clock, pipeline, recorder } = setUp();
    const { run, seen } = attempts(reset(), unavailable());
    const result = pipeline.run(idempotent, run);
    await clock.advance(10_000);
    expect(await result).toBe("done");
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(recorder.of("retry.scheduled").map(({ attempt, delayMs }) => [attempt, delayMs])).toEqual([
      [2, 1_000],
      [3, 2_000],
    ]);
    expect(recorder.of("attempt.failed").map(({ code }) => code)).toEqual(["NETWORK", "UPSTREAM_STATUS"]);
    expect(recorder.of("call.finished")).toEqual([
      {
        callId: "call-1",
        service: "maps",
        operation: "lookup",
        outcome: "ok",
        attempts: 3,
        durationMs: 3_000,
        waitedMs: 3_000,
      },
    ]);
  });

  it("keep one callId and one idempotency key through all attempts", async () => {
    const { clock, pipeline } = setUp();
    const { run, seen } = attempts(reset());
    void pipeline.run({ ...write, idempotencyKey: "key-1" }, run);
    await clock.advance(10_000);
    expect(seen.map(({ callId, idempotencyKey }) => [callId, idempotencyKey])).toEqual([
      ["call-1", "key-1"],
      ["call-1", "key-1"],
    ]);
  });

  it("make a call that is not idempotent once, unless it was not sent", async () => {
    const { clock, pipeline } = setUp();
    const lost = attempts(reset());
    const error = rejection(pipeline.run(write, lost.run));
    const notSent = attempts(failure("NETWORK", { notSent: true }));
    const result = pipeline.run(write, notSent.run);
    await clock.advance(10_000);
    expect(lost.seen).toHaveLength(1);
    expect((await error).code).toBe("OUTCOME_UNKNOWN");
    expect(await result).toBe("done");
  });

  it("end with the last failure, annotated, when the attempts are used up", async () => {
    const { clock, pipeline } = setUp({ services: { maps: { maxAttempts: 2 } } });
    const last = unavailable();
    const outcome = rejection(pipeline.run(idempotent, attempts(reset(), last).run));
    await clock.advance(10_000);
    expect(await outcome).toBe(last);
    expect(last).toMatchObject({ service: "maps", operation: "lookup", callId: "call-1", attempts: 2 });
  });

  it("let the call's own maxAttempts win", async () => {
    const { pipeline } = setUp();
    const { run, seen } = attempts(reset());
    await rejection(pipeline.run({ ...idempotent, maxAttempts: 1 }, run));
    expect(seen).toHaveLength(1);
  });

  it.each(["CIRCUIT_OPEN", "RATE_LIMITED", "BUDGET_EXHAUSTED", "QUEUE_FULL"] as const)(
    "never repeat %s, also when a nested call says it",
    async (code) => {
      const { pipeline } = setUp();
      const { run, seen } = attempts(failure(code));
      expect((await rejection(pipeline.run(idempotent, run))).code).toBe(code);
      expect(seen).toHaveLength(1);
    },
  );

  it("fail with the service's hint where it does not fit the deadline", async () => {
    const { clock, pipeline } = setUp();
    const busy = failure("UPSTREAM_STATUS", { status: 429, verdict: "throttled", retryAfterMs: 40_000 });
    const error = await rejection(pipeline.run(idempotent, attempts(busy).run));
    expect([clock.now(), error.retryAfterMs]).toEqual([0, 40_000]);
  });

  it("share a budget per service, told in the error with the last failure as its cause", async () => {
    const { clock, pipeline } = setUp({ services: { maps: { budget: { capacity: 1, perSuccess: 0 } } } });
    void pipeline.run(idempotent, attempts(reset()).run);
    const last = reset();
    const outcome = rejection(pipeline.run(idempotent, attempts(last).run));
    await clock.advance(10_000);
    expect(await outcome).toMatchObject({ code: "BUDGET_EXHAUSTED", cause: last, attempts: 1 });
    expect(pipeline.budget("maps")?.available).toBe(0);
    expect(pipeline.budget("other")?.available).toBe(100);
  });

  it("turn whatever is thrown into an error of ours with the original as its cause", async () => {
    const { pipeline } = setUp();
    for (const thrown of [
      new TypeError("x is not a function"),
      "text",
      null,
      { code: "23505", message: "duplicate" },
    ]) {
      const error = await rejection(pipeline.run(idempotent, () => Promise.reject(thrown)));
      expect(error.cause).toBe(thrown);
      expect(error).toMatchObject({ service: "maps", operation: "lookup", attempts: 1 });
    }
    const synchronous = () => {
      throw new RangeError("too far");
    };
    expect((await rejection(pipeline.run(idempotent, synchronous))).cause).toBeInstanceOf(RangeError);
  });
});

describe("the pipeline's time bounds", () => {
  it("end a call at its deadline, although its attempt ignores the signal", async () => {
    const { clock, pipeline } = setUp();
    const outcome = rejection(pipeline.run({ ...idempotent, deadlineMs: 2_000, attemptTimeoutMs: 60_000 }, deaf));
    await clock.advance(1_999);
    expect(pipeline.inFlight).toBe(1);
    await clock.advance(1);
    expect(await outcome).toMatchObject({ code: "DEADLINE_EXCEEDED", verdict: "fatal", attempts: 1 });
    expect(pipeline.inFlight).toBe(0);
  });

  it("give every call 30 s unless told otherwise, and less within a scope", async () => {
    const scopes = new CallScopes();
    const { clock, pipeline } = setUp({ scopes });
    const plain = rejection(pipeline.run(write, deaf));
    const scoped = scopes.run({ deadlineAt: 1_000 }, () =>
      rejection(pipeline.run({ ...write, deadlineMs: 60_000 }, deaf)),
    );
    await clock.advance(1_000);
    expect((await scoped).code).toBe("DEADLINE_EXCEEDED");
    expect(pipeline.inFlight).toBe(1);
    await clock.advance(29_000);
    expect((await plain).code).toBe("DEADLINE_EXCEEDED");
  });

  it("give up an attempt that stalls, tell it so, and try again", async () => {
    const { clock, pipeline } = setUp();
    const signals: AbortSignal[] = [];
    const spec = { ...idempotent, attemptTimeoutMs: 500 };
    const result = pipeline.run(spec, ({ signal, attempt }) => {
      signals.push(signal);
      return attempt === 1 ? deaf() : Promise.resolve("done");
    });
    await clock.advance(1_500);
    expect(await result).toBe("done");
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect((signals[0]?.reason as IntegrationError).code).toBe("ATTEMPT_TIMEOUT");
  });

  it("give an attempt a third of the deadline where it may be repeated, and all of it where not", async () => {
    const { clock, pipeline } = setUp({ defaults: { deadlineMs: 9_000 } });
    const starts: number[] = [];
    const stall = () => (starts.push(clock.now()), deaf());
    const repeated = rejection(pipeline.run(idempotent, stall));
    const once = rejection(pipeline.run(write, deaf));
    const last = rejection(pipeline.run({ ...idempotent, maxAttempts: 1 }, deaf));
    await clock.advance(9_000);
    expect(starts).toEqual([0, 4_000]);
    // At 7,000 the next wait would have lasted until the deadline: the call ends with what it knows.
    expect(await repeated).toMatchObject({ code: "ATTEMPT_TIMEOUT", attempts: 2 });
    expect((await once).code).toBe("DEADLINE_EXCEEDED");
    expect(await last).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("tell an attempt how long it has, and when", async () => {
    const { clock, pipeline } = setUp();
    const seen: number[] = [];
    await pipeline.run({ ...idempotent, deadlineMs: 700 }, async ({ deadlineAt }) => void seen.push(deadlineAt));
    const waiting = pipeline.run({ ...idempotent, deadlineMs: 700 }, async (context) => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, 200));
      seen.push(context.remainingMs());
    });
    await clock.advance(200);
    await waiting;
    expect(seen).toEqual([700, 500]);
  });

  it("do not begin an attempt when the deadline has passed already", async () => {
    const { pipeline } = setUp();
    const { run, seen } = attempts();
    const error = await rejection(pipeline.run({ ...write, deadlineMs: 0 }, run));
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", verdict: "fatal", attempts: 0 });
    expect(seen).toHaveLength(0);
  });

  it.each([
    { deadlineMs: NaN },
    { deadlineMs: -1 },
    { attemptTimeoutMs: 0 },
    { attemptTimeoutMs: NaN },
    { maxAttempts: 0 },
    { maxAttempts: 1.5 },
    { maxAttempts: NaN },
  ])("refuse a call with %j", async (numbers) => {
    expect((await rejection(setUp().pipeline.run({ ...idempotent, ...numbers }, attempts().run))).code).toBe(
      "INVALID_INPUT",
    );
  });
});

describe("a call that is not idempotent and gets no answer", () => {
  it("ends as OUTCOME_UNKNOWN when its attempt stalls", async () => {
    const { clock, pipeline } = setUp();
    const outcome = rejection(pipeline.run({ ...write, attemptTimeoutMs: 100 }, deaf));
    await clock.advance(100);
    const error = await outcome;
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", verdict: "outcome-unknown", attempts: 1, operation: "pay" });
    expect((error.cause as IntegrationError).code).toBe("ATTEMPT_TIMEOUT");
  });

  it("ends as DEADLINE_EXCEEDED with the verdict outcome-unknown when the deadline passes meanwhile", async () => {
    const { clock, pipeline } = setUp();
    const outcome = rejection(pipeline.run(write, deaf));
    await clock.advance(30_000);
    expect(await outcome).toMatchObject({ code: "DEADLINE_EXCEEDED", verdict: "outcome-unknown" });
  });

  it("is not in doubt when the deadline passes before anything was sent", async () => {
    const { clock, pipeline } = setUp({ services: { maps: { concurrency: 1 } } });
    const holder = rejection(pipeline.run({ ...write, deadlineMs: 60_000 }, deaf));
    const queued = rejection(pipeline.run({ ...write, deadlineMs: 1_000 }, deaf));
    await clock.advance(60_000);
    expect(await queued).toMatchObject({ code: "DEADLINE_EXCEEDED", verdict: "fatal", attempts: 0 });
    expect((await holder).verdict).toBe("outcome-unknown");
  });

  it("stays unknown when a later attempt, made with its key, does not even connect", async () => {
    const { clock, pipeline } = setUp({ services: { maps: { maxAttempts: 2 } } });
    const refused = failure("NETWORK", { notSent: true });
    const outcome = rejection(pipeline.run({ ...write, idempotencyKey: "k" }, attempts(reset(), refused).run));
    await clock.advance(10_000);
    expect(await outcome).toMatchObject({ code: "OUTCOME_UNKNOWN", cause: refused, attempts: 2 });
  });

  it("is known again when the service itself answers the repetition", async () => {
    const { clock, pipeline } = setUp();
    const answer = failure("CONFLICT", { status: 409 });
    const outcome = rejection(pipeline.run({ ...write, idempotencyKey: "k" }, attempts(reset(), answer).run));
    await clock.advance(10_000);
    expect(await outcome).toBe(answer);
  });

  it("carries the verdict outcome-unknown when the caller aborts it half way", async () => {
    const { clock, pipeline } = setUp();
    const controller = new AbortController();
    const outcome = rejection(pipeline.run({ ...write, signal: controller.signal }, deaf));
    await clock.advance(1);
    controller.abort();
    expect(await outcome).toMatchObject({ code: "ABORTED", verdict: "outcome-unknown" });
  });
});

describe("the pipeline's circuit breakers", () => {
  const failing = { services: { maps: { maxAttempts: 1, breaker: { minimumCalls: 3, breakMs: 1_000 } } } };

  it("count every attempt, refuse while open, and are kept per service", async () => {
    const { clock, pipeline, recorder } = setUp(failing);
    for (let call = 0; call < 3; call += 1) await rejection(pipeline.run(idempotent, attempts(reset()).run));
    const { run, seen } = attempts();
    const error = await rejection(pipeline.run(idempotent, run));
    expect(error).toMatchObject({ code: "CIRCUIT_OPEN", service: "maps", operation: "lookup", attempts: 0 });
    expect(error.retryAfterMs).toBeLessThanOrEqual(1_000);
    expect(seen).toHaveLength(0);
    expect(await pipeline.run({ ...idempotent, service: "other" }, run)).toBe("done");
    expect(pipeline.breakers().map(({ service, state }) => [service, state])).toEqual([
      ["maps", "open"],
      ["other", "closed"],
    ]);
    await clock.advance(1_000);
    for (let probe = 0; probe < 3; probe += 1) await pipeline.run(idempotent, attempts().run);
    expect(recorder.names.filter((name) => name.startsWith("circuit."))).toEqual([
      "circuit.opened",
      "circuit.half_opened",
      "circuit.closed",
    ]);
  });

  it("end the retries of a call as soon as they open", async () => {
    const { clock, pipeline } = setUp({ services: { maps: { maxAttempts: 10, breaker: { minimumCalls: 3 } } } });
    const { run, seen } = attempts(...Array.from({ length: 10 }, reset));
    const outcome = rejection(pipeline.run(idempotent, run));
    await clock.advance(30_000);
    expect(await outcome).toMatchObject({ code: "CIRCUIT_OPEN", attempts: 3 });
    expect(seen).toHaveLength(3);
  });

  it("are not opened by calls whose deadline was nearly spent when they came", async () => {
    const scopes = new CallScopes();
    const { clock, pipeline } = setUp({ ...failing, scopes });
    for (let call = 0; call < 5; call += 1) {
      const outcome = scopes.run({ deadlineAt: clock.now() + 100 }, () => rejection(pipeline.run(write, deaf)));
      await clock.advance(100);
      expect((await outcome).code).toBe("DEADLINE_EXCEEDED");
    }
    expect(pipeline.breaker("maps")?.state).toBe("closed");
    for (let call = 0; call < 3; call += 1) {
      const outcome = rejection(pipeline.run({ ...write, deadlineMs: 100 }, deaf));
      await clock.advance(100);
      await outcome;
    }
    expect(pipeline.breaker("maps")?.state).toBe("open");
  });

  it("get their probe's permit back when a room further in refuses the attempt", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter({ clock, limits: { quota: { requests: 1, windowMs: 3_600_000 } } });
    const { pipeline } = setUp({
      services: { maps: { breaker: { minimumCalls: 1, halfOpenPermits: 1, breakMs: 10 } } },
      clock,
      limiter,
    });
    await rejection(pipeline.run({ ...idempotent, maxAttempts: 1 }, attempts(reset()).run));
    await clock.advance(10);
    limiter.check("quota", "k");
    const limited = { ...idempotent, limit: { name: "quota", key: "k" } };
    expect((await rejection(pipeline.run(limited, attempts().run))).code).toBe("RATE_LIMITED");
    expect(await pipeline.run(idempotent, attempts().run)).toBe("done");
    expect(pipeline.breaker("maps")?.state).toBe("closed");
  });

  it("can be switched off for a service", async () => {
    const { pipeline } = setUp({ services: { maps: { maxAttempts: 1, breaker: false } } });
    for (let call = 0; call < 50; call += 1)
      expect((await rejection(pipeline.run(idempotent, attempts(reset()).run))).code).toBe("NETWORK");
    expect(pipeline.breaker("maps")).toBeUndefined();
    expect(pipeline.breakers()).toEqual([]);
  });
});

describe("the pipeline's rate limits", () => {
  function limited(
    limits: Readonly<Record<string, LimitOptions | LimitOptions[]>> = { quota: { requests: 1, windowMs: 1_000 } },
  ) {
    const clock = new ManualClock();
    const events = new EventBus();
    const limiter = new RateLimiter({ clock, events, limits });
    return { ...setUp({ clock, events, limiter }), limiter, clock, recorder: new EventRecorder(events) };
  }
  const charged = (more: Partial<NonNullable<CallSpec["limit"]>> = {}): CallSpec => ({
    ...idempotent,
    limit: { name: "quota", key: "k", ...more },
  });

  it("refuse a call beyond its limit, with the time to come back", async () => {
    const { pipeline, recorder } = limited();
    await pipeline.run(charged(), attempts().run);
    const error = await rejection(pipeline.run(charged(), attempts().run));
    expect(error).toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 1_000, service: "maps", attempts: 0 });
    expect(recorder.of("limit.refused")).toHaveLength(1);
  });

  it("name the policy that refused, of a limit with several", async () => {
    const quota = [
      { requests: 10, windowMs: 1_000, name: "burst" },
      { requests: 1, windowMs: 60_000, name: "minute" },
    ];
    const { pipeline } = limited({ quota });
    await pipeline.run(charged(), attempts().run);
    const named = { code: "RATE_LIMITED", details: { limit: "quota", policy: "minute" } };
    expect(await rejection(pipeline.run(charged(), attempts().run))).toMatchObject(named);
    expect(await rejection(pipeline.run(charged({ wait: true }), attempts().run))).toMatchObject(named);
  });

  it("charge every attempt, and let a call wait for its turn that asks for it", async () => {
    const { clock, pipeline, recorder } = limited();
    const result = pipeline.run(charged({ wait: true }), attempts(reset(), reset()).run);
    await clock.advance(10_000);
    expect(await result).toBe("done");
    const [finished] = recorder.of("call.finished");
    expect(finished).toMatchObject({ attempts: 3, waitedMs: finished?.durationMs });
    const waiting = pipeline.run(charged({ wait: true }), attempts().run);
    const next = pipeline.run(charged({ wait: true }), attempts().run);
    await clock.advance(1_000);
    expect(await Promise.all([waiting, next])).toEqual(["done", "done"]);
    expect(recorder.of("limit.waited").at(-1)?.waitedMs).toBe(1_000);
  });

  it("refuse at once a turn that cannot come before the deadline", async () => {
    const { clock, pipeline } = limited({ quota: { requests: 1, windowMs: 10_000 } });
    await pipeline.run(charged(), attempts().run);
    const error = await rejection(pipeline.run({ ...charged({ wait: true }), deadlineMs: 9_000 }, attempts().run));
    expect([error.code, error.retryAfterMs, clock.now()]).toEqual(["RATE_LIMITED", 10_000, 0]);
  });

  it("charge the cost that the call names", async () => {
    const { pipeline, limiter } = limited({ quota: { requests: 10, windowMs: 1_000 } });
    await pipeline.run(charged({ cost: 4 }), attempts().run);
    expect(limiter.check("quota", "k", { cost: 0 }).remaining).toBe(6);
  });

  it("are an input error where the pipeline has no limiter", async () => {
    expect((await rejection(setUp().pipeline.run(charged(), attempts().run))).message).toContain(
      "give createPipeline one",
    );
  });
});

describe("the pipeline's concurrency", () => {
  it("is bounded per service and in the whole process, in order of arrival", async () => {
    const { clock, pipeline } = setUp({ maxConcurrent: 3, services: { maps: { concurrency: 2 } } });
    const log: string[] = [];
    const take = (service: string, name: string) =>
      pipeline.run({ ...write, service }, async () => {
        log.push(`${name} in at ${clock.now()}`);
        await new Promise<void>((resolve) => clock.setTimer(resolve, 10));
      });
    const all = ["a", "b", "c"].map((name) => take("maps", name));
    all.push(...["x", "y"].map((name) => take("other", name)));
    await clock.advance(20);
    await Promise.all(all);
    expect(log).toEqual(["a in at 0", "b in at 0", "x in at 0", "y in at 10", "c in at 10"]);
  });

  it("refuses those who find the line full", async () => {
    const { clock, pipeline } = setUp({ services: { maps: { concurrency: { max: 1, queue: 1 } } } });
    const outcomes = [1, 2, 3].map(() => rejection(pipeline.run({ ...write, deadlineMs: 100 }, deaf)));
    expect(await outcomes[2]).toMatchObject({ code: "QUEUE_FULL", attempts: 0 });
    await clock.advance(100);
    expect((await Promise.all(outcomes.slice(0, 2))).map(({ code }) => code)).toEqual([
      "DEADLINE_EXCEEDED",
      "DEADLINE_EXCEEDED",
    ]);
  });

  it("lets higher priority go first", async () => {
    const { clock, pipeline } = setUp({ services: { maps: { concurrency: 1 } } });
    const order: string[] = [];
    const take = (priority: "high" | "normal" | "low") =>
      pipeline.run({ ...write, priority }, async () => {
        order.push(priority);
        await new Promise<void>((resolve) => clock.setTimer(resolve, 1));
      });
    void take("low");
    for (const priority of ["low", "normal", "high"] as const) void take(priority);
    await clock.advance(10);
    expect(order).toEqual(["low", "high", "normal", "low"]);
  });
});

describe("what the pipeline tells", () => {
  it("describes its stages outermost first and every setting as resolved, as plain data", () => {
    const { pipeline } = setUp({
      defaults: { maxAttempts: 3 },
      services: { maps: { deadlineMs: 5_000, concurrency: 8 } },
    });
    const description = pipeline.describe();
    expect(description.stages).toEqual([
      "degradation",
      "deadline",
      "retry",
      "hedge",
      "circuit breaker",
      "rate limit",
      "concurrency",
      "attempt timeout",
    ]);
    expect(description.services["maps"]).toMatchObject({
      deadlineMs: 5_000,
      maxAttempts: 3,
      baseDelayMs: 1_000,
      concurrency: { max: 8, queue: 1_000 },
      breaker: { failureRatio: 0.5, minimumCalls: 10, slowCallMs: null },
    });
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
  });

  it("explains a call: attempts, waits and refusals, with reasons and milliseconds", async () => {
    const { clock, pipeline } = setUp({ services: { maps: { breaker: { minimumCalls: 2 } } } });
    const outcome = rejection(pipeline.run(idempotent, attempts(reset(), reset(), reset()).run));
    await clock.advance(10_000);
    const { callId } = await outcome;
    const record = pipeline.explain(callId as string);
    expect(record).toMatchObject({
      callId: "call-1",
      service: "maps",
      outcome: "error",
      code: "CIRCUIT_OPEN",
      attempts: 2,
      durationMs: 3_000,
      waitedMs: 3_000,
    });
    expect(record?.steps).toMatchObject([
      { step: "attempt", attempt: 1, atMs: 0, code: "NETWORK", verdict: "retryable" },
      { step: "wait", for: "backoff", atMs: 0, durationMs: 1_000 },
      { step: "attempt", attempt: 2, atMs: 1_000, code: "NETWORK" },
      { step: "wait", for: "backoff", atMs: 1_000, durationMs: 2_000 },
      { step: "refusal", by: "circuit breaker", atMs: 3_000, code: "CIRCUIT_OPEN" },
    ]);
    expect(record?.startedAt).toBe(clock.wallNow() - clock.now());
    expect(JSON.parse(JSON.stringify(record))).toEqual(record);
  });

  it("explains a call that is still running, and forgets all but the last thousand", async () => {
    const { clock, pipeline } = setUp();
    let callId = "";
    const first = pipeline.run(idempotent, async (context) => {
      callId = context.callId;
      await new Promise<void>((resolve) => clock.setTimer(resolve, 5));
    });
    await clock.advance(0);
    expect(pipeline.explain(callId)?.outcome).toBe("running");
    await clock.advance(5);
    await first;
    expect(pipeline.explain(callId)).toMatchObject({
      outcome: "ok",
      durationMs: 5,
      steps: [{ step: "attempt", outcome: "ok" }],
    });
    for (let call = 0; call < 1_000; call += 1) await pipeline.run(idempotent, attempts().run);
    expect(pipeline.explain(callId)).toBeUndefined();
    expect(pipeline.explain("nonsense")).toBeUndefined();
  });

  it("carries the request's id from the scope into its events", async () => {
    const scopes = new CallScopes();
    const { pipeline, recorder } = setUp({ scopes });
    await scopes.run({ requestId: "req-9" }, () =>
      rejection(pipeline.run(write, attempts(failure("INVALID_INPUT")).run)),
    );
    expect(recorder.events.map(({ event }) => (event as { requestId?: string }).requestId)).toEqual(["req-9", "req-9"]);
  });

  it("is not disturbed by a listener that throws", async () => {
    const { events, pipeline, clock } = setUp();
    for (const name of ["call.finished", "attempt.failed", "retry.scheduled"] as const)
      events.on(name, () => {
        throw new Error("listener");
      });
    const result = pipeline.run(idempotent, attempts(reset()).run);
    await clock.advance(10_000);
    expect(await result).toBe("done");
    expect(events.faults).toBe(3);
  });
});

describe("closing the pipeline", () => {
  it("refuses new calls at once and waits for those in flight", async () => {
    const { clock, pipeline } = setUp();
    const running = pipeline.run(
      idempotent,
      () => new Promise<string>((resolve) => clock.setTimer(() => resolve("done"), 50)),
    );
    let closed = false;
    const closing = pipeline.close().then(() => (closed = true));
    expect(await rejection(pipeline.run(idempotent, attempts().run))).toMatchObject({
      code: "CLOSED",
      service: "maps",
      attempts: 0,
    });
    await clock.advance(49);
    expect(closed).toBe(false);
    await clock.advance(1);
    await closing;
    expect(await running).toBe("done");
    await pipeline.close();
  });
});

it("createPipeline names every bad option at once", () => {
  const { code, message } = thrownBy(() =>
    createPipeline({
      defaults: { deadlineMs: 0, maxAttempts: 0 },
      services: { maps: { backoffMultiplier: 0.5, concurrency: 0 } },
      maxConcurrent: -1,
    }),
  );
  expect(code).toBe("INVALID_INPUT");
  for (const name of [
    "defaults.deadlineMs",
    "defaults.maxAttempts",
    "services.maps.backoffMultiplier",
    "services.maps.concurrency.max",
    "maxConcurrent.max",
  ])
    expect(message).toContain(name);
  expect(thrownBy(() => createPipeline({ services: { maps: { breaker: { breakMs: 0 } } } })).message).toContain(
    "services.maps.breaker: breakMs",
  );
});
