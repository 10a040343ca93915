import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CallSpec, CallScopes, type IntegrationError } from "../../src/core/index.ts";
import { type CallRecord, createPipeline, OutboundLimits, RateLimiter } from "../../src/resilience/index.ts";
import { CallTrace, MAX_STEPS } from "../../src/resilience/call-record.ts";
import { ManualClock, seededRandom } from "../../src/testing/index.ts";
import { deaf, failure, idempotent, rejection, reset } from "./helpers.ts";

/** Every millisecond of the call lies within a step, and no two steps but hedges overlap. */
function expectFullAccount(record: CallRecord): void {
  const spans = record.steps
    .flatMap((step) => ("durationMs" in step ? [{ ...step, endMs: step.atMs + step.durationMs }] : []))
    .sort((a, b) => a.atMs - b.atMs);
  const hedged = record.steps.some((step) => "hedge" in step);
  let until = 0;
  for (const span of spans) {
    expect(span.atMs).toBeLessThanOrEqual(until + 1e-6);
    if (!hedged) expect(span.atMs).toBeGreaterThanOrEqual(until - 1e-6);
    until = Math.max(until, span.endMs);
  }
  expect(until).toBeCloseTo(record.durationMs, 6);
  expect(record.otherMs).toBeCloseTo(0, 6);
  if (hedged) return;
  const sum = spans.reduce((total, { durationMs }) => total + durationMs, 0);
  expect(sum).toBeCloseTo(record.durationMs, 6);
}

it("whatever happens to a call, the steps of its record add up to its duration", async () => {
  const call = fc.record({
    gapMs: fc.nat(200),
    abortAfterMs: fc.option(fc.nat(2_000)),
    deadlineMs: fc.constantFrom(60, 500, 3_000),
    behaviour: fc.constantFrom("quick", "slow", "deaf", "reset", "throttled", "wrong"),
    limit: fc.constantFrom("none", "refuse", "wait"),
    cached: fc.boolean(),
    hedge: fc.boolean(),
    priority: fc.constantFrom("high", "normal", "low"),
  });
  const seen = new Set<string>();
  const rooms = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 5, maxLength: 30 }), fc.integer(), async (calls, seed) => {
      const clock = new ManualClock();
      const limiter = new RateLimiter({ clock, limits: { quota: { requests: 10, windowMs: 1_000, burst: 2 } } });
      const outbound = new OutboundLimits({ clock });
      const pipeline = createPipeline({
        clock,
        limiter,
        outbound,
        random: seededRandom(seed),
        maxConcurrent: 4,
        services: { maps: { concurrency: 2, breaker: { minimumCalls: 4, breakMs: 200 } } },
      });
      const settled: Promise<void>[] = [];
      for (const { gapMs, abortAfterMs, deadlineMs, behaviour, limit, cached, hedge, priority } of calls) {
        const controller = new AbortController();
        if (abortAfterMs !== null) clock.setTimer(() => controller.abort(), abortAfterMs);
        const spec: CallSpec = {
          ...idempotent,
          deadlineMs,
          priority: priority,
          signal: controller.signal,
          ...(limit !== "none" && { limit: { name: "quota", key: "k", wait: limit === "wait" } }),
          ...(cached && { cache: { key: "k", ttlMs: 50, staleWhileRevalidateMs: 50, staleIfErrorMs: 1_000 } }),
          ...(hedge && { hedge: { afterMs: 40 } }),
        };
        const result = pipeline.runWithMeta(spec, async () => {
          if (behaviour === "deaf") return deaf();
          if (behaviour === "slow") await new Promise<void>((resolve) => clock.setTimer(resolve, 120));
          if (behaviour === "throttled") outbound.observe("maps", { status: 429, retryAfterMs: 30 });
          if (behaviour === "throttled")
            throw failure("UPSTREAM_STATUS", { status: 429, verdict: "throttled", notSent: true, retryAfterMs: 30 });
          if (behaviour === "wrong") throw failure("INVALID_INPUT", { status: 400 });
          if (behaviour === "reset") throw reset();
          return "done";
        });
        const check = (callId: string | undefined) => {
          const record = pipeline.explain(callId as string) as CallRecord;
          expectFullAccount(record);
          for (const step of record.steps) {
            seen.add("hedge" in step ? `${step.step} hedge` : step.step);
            if (step.step === "wait") rooms.add(`wait: ${step.for}`);
            if (step.step === "refusal") rooms.add(`refusal: ${step.by}`);
          }
        };
        settled.push(
          result.then(
            ({ meta }) => check(meta.callId),
            (error: IntegrationError) => check(error.callId),
          ),
        );
        await clock.advance(gapMs);
      }
      await clock.advance(20_000);
      await Promise.all(settled);
    }),
    { numRuns: 150 },
  );
  expect([...seen].sort()).toEqual(["attempt", "attempt hedge", "cache", "refusal", "wait", "wait hedge"]);
  const waits = ["backoff", "concurrency", "rate limit", "service limit", "single flight"].map(
    (room) => `wait: ${room}`,
  );
  expect([...rooms]).toEqual(expect.arrayContaining([...waits, "refusal: service limit", "refusal: rate limit"]));
});

describe("the ledger's bounds", () => {
  it("fold what comes after the first hundred steps into one, and cut long messages", () => {
    const trace = new CallTrace("maps", "lookup", 0, () => "id");
    for (let index = 0; index < 500; index += 1) {
      const message = "x".repeat(10_000);
      trace.add({ step: "wait", for: "backoff", atMs: 2 * index, durationMs: 1 });
      trace.add({ step: "attempt", attempt: index, atMs: 2 * index + 1, durationMs: 1, outcome: "error", message });
    }
    trace.endedAt = 1_000;
    const record = trace.toRecord(1_000, 1_000);
    expect(record.steps).toHaveLength(MAX_STEPS + 1);
    expect(record.steps.at(-1)).toEqual({ step: "omitted", count: 900, atMs: 100, durationMs: 900 });
    expect([record.durationMs, record.otherMs]).toEqual([1_000, 0]);
    expect(JSON.stringify(record).length).toBeLessThan(40_000);
  });

  it("remember as many calls as they are told to", async () => {
    const pipeline = createPipeline({ clock: new ManualClock(), remember: 3 });
    const ids: string[] = [];
    for (let call = 0; call < 5; call += 1) await pipeline.run(idempotent, async ({ callId }) => void ids.push(callId));
    expect(ids.map((id) => pipeline.explain(id)?.callId)).toEqual([undefined, undefined, ...ids.slice(2)]);
  });
});

describe("nested calls", () => {
  it("named a parent, end by its deadline, however long they may take by themselves", async () => {
    const clock = new ManualClock();
    const pipeline = createPipeline({ clock });
    let inner: IntegrationError | undefined;
    const outcome = rejection(
      pipeline.run({ ...idempotent, deadlineMs: 300, attemptTimeoutMs: 300 }, async (parent) => {
        inner = await rejection(pipeline.run({ ...idempotent, service: "inner", deadlineMs: 60_000, parent }, deaf));
        throw inner;
      }),
    );
    await clock.advance(300);
    await outcome;
    await clock.advance(0);
    expect(inner?.code).toMatch(/^(DEADLINE_EXCEEDED|ABORTED)$/);
    expect([clock.now(), pipeline.inFlight]).toEqual([300, 0]);
  });

  it("never get more time than their parent has", async () => {
    const clock = new ManualClock();
    const pipeline = createPipeline({ clock });
    const seen: number[] = [];
    await pipeline.run({ ...idempotent, deadlineMs: 300 }, (parent) =>
      pipeline.run({ ...idempotent, deadlineMs: 100, parent }, (child) =>
        pipeline.run({ ...idempotent, deadlineMs: 900, parent: child }, async ({ deadlineAt }) => {
          seen.push(deadlineAt);
        }),
      ),
    );
    expect(seen).toEqual([100]);
  });

  it("inherit through the scope as well: an attempt is one", async () => {
    const clock = new ManualClock();
    const scopes = new CallScopes();
    const pipeline = createPipeline({ clock, scopes });
    const seen: number[] = [];
    await pipeline.run({ ...idempotent, deadlineMs: 300 }, (context) =>
      scopes.run(context, () =>
        pipeline.run({ ...idempotent, deadlineMs: 900 }, async ({ deadlineAt }) => void seen.push(deadlineAt)),
      ),
    );
    expect(seen).toEqual([300]);
  });
});
