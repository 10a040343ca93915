import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AttemptContext, EventBus } from "../../../src/core/index.ts";
import { CallTracing, createTextRedactor, type OpenTelemetryApi } from "../../../src/monitoring/index.ts";
import { createPipeline, type PipelineOptions, RateLimiter } from "../../../src/resilience/index.ts";
import { EventRecorder, ManualClock } from "../../../src/testing/index.ts";
import { always, idempotent, rejection, unavailable } from "../../resilience/helpers.ts";
import { durationMs, isChild, openTelemetry, startMs } from "../../support/spans.ts";

let otel: ReturnType<typeof openTelemetry>;
beforeAll(() => void (otel = openTelemetry()));
afterAll(() => otel.close());
beforeEach(() => otel.reset());

function setUp(options: PipelineOptions = {}) {
  const clock = new ManualClock();
  const events = new EventBus();
  const api: OpenTelemetryApi = otel.api;
  const redact = createTextRedactor(["tf_live_0123456789abcdef"]);
  const tracer = new CallTracing({ api, clock, version: "1.2.3", redact });
  tracer.observe(events);
  const limiter = new RateLimiter({ limits: { slow: { requests: 1, windowMs: 1_000 } }, clock, events });
  const pipeline = createPipeline({ clock, events, random: always(1), limiter, tracer, ...options });
  const work = (ms: number) => (context: AttemptContext) =>
    new Promise<string>((resolve, reject) => {
      const timer = clock.setTimer(() => resolve("done"), ms);
      context.signal.addEventListener("abort", () => (timer.cancel(), reject(context.signal.reason)));
    });
  return { clock, events, pipeline, tracer, work, recorder: new EventRecorder(events) };
}

describe("the span of a call", () => {
  it("is a client's, below the host's active one, with its attempt inside, as long as they took", async () => {
    const { clock, pipeline, work, recorder } = setUp();
    const { tracer } = { tracer: otel.api.trace.getTracer("host") };
    const answer = tracer.startActiveSpan("request", (request) => {
      const running = pipeline.run(idempotent, work(40));
      return { running, request };
    });
    await clock.advance(40);
    expect(await answer.running).toBe("done");
    answer.request.end();
    const call = otel.one("maps.lookup");
    const attempt = otel.one("attempt 1");
    expect(isChild(call, otel.one("request"))).toBe(true);
    expect(isChild(attempt, call)).toBe(true);
    expect([call.kind, attempt.kind]).toEqual([SpanKind.CLIENT, SpanKind.INTERNAL]);
    expect([durationMs(call), durationMs(attempt), startMs(call)]).toEqual([40, 40, Date.UTC(2026, 0, 1)]);
    expect([call.status.code, attempt.status.code]).toEqual([SpanStatusCode.UNSET, SpanStatusCode.UNSET]);
    expect(call.instrumentationScope).toMatchObject({ name: "enhanced-integration", version: "1.2.3" });
    const [finished] = recorder.of("call.finished");
    expect(call.attributes).toEqual({
      "enhanced_integration.service": "maps",
      "enhanced_integration.operation": "lookup",
      "enhanced_integration.call_id": finished?.callId,
      "enhanced_integration.attempts": 1,
    });
    expect(finished?.traceId).toBe(call.spanContext().traceId);
  });

  it("names databases and models as OpenTelemetry does, rows and tokens included", async () => {
    const { events, pipeline } = setUp();
    await pipeline.run({ service: "neon", operation: "query" }, async () => {
      await Promise.resolve();
      events.emit("query.finished", { transport: "tcp", statement: "select 1f0c92ab", rows: 3, durationMs: 1 });
    });
    expect(otel.one("neon.query").attributes).toMatchObject({
      "db.system.name": "postgresql",
      "db.operation.name": "query",
      "db.query.summary": "select 1f0c92ab",
      "db.response.returned_rows": 3,
    });
    await pipeline.run({ service: "ollama", operation: "embed" }, async () =>
      events.emit("model.finished", {
        model: "nomic",
        operation: "embed",
        inputTokens: 7,
        outputTokens: 0,
        durationMs: 5,
      }),
    );
    expect(otel.one("ollama.embed").attributes).toMatchObject({
      "gen_ai.provider.name": "ollama",
      "gen_ai.operation.name": "embeddings",
      "gen_ai.request.model": "nomic",
      "gen_ai.usage.input_tokens": 7,
    });
  });

  it("has what an attempt opens inside the attempt, nested calls included, also after an await", async () => {
    const { pipeline } = setUp();
    await pipeline.run(idempotent, async () => {
      await Promise.resolve();
      await pipeline.run({ service: "geo", operation: "inner" }, async () =>
        otel.api.trace.getTracer("driver").startSpan("wire").end(),
      );
    });
    const [inner, outer] = otel.named("attempt 1");
    expect(isChild(otel.one("wire"), inner!)).toBe(true);
    expect(isChild(inner!, otel.one("geo.inner"))).toBe(true);
    expect(isChild(otel.one("geo.inner"), outer!)).toBe(true);
  });

  it("shows every attempt and the wait between, with what went wrong, how often it was sent again, and no secret", async () => {
    const { clock, pipeline } = setUp({ defaults: { maxAttempts: 3, baseDelayMs: 100 } });
    let attempts = 0;
    const answer = rejection(
      pipeline.run({ ...idempotent, maxAttempts: 2 }, () => {
        attempts += 1;
        return Promise.reject(attempts === 1 ? unavailable() : new Error("key tf_live_0123456789abcdef is bad"));
      }),
    );
    await clock.advance(10_000);
    await answer;
    const call = otel.one("maps.lookup");
    const wait = otel.one("wait for backoff");
    const [first, second] = [otel.one("attempt 1"), otel.one("attempt 2")];
    for (const child of [wait, first, second]) expect(isChild(child, call)).toBe(true);
    expect(startMs(wait) - startMs(call)).toBe(0);
    expect(durationMs(wait)).toBeGreaterThan(0);
    expect(startMs(second) - startMs(call)).toBe(durationMs(wait));
    expect(first.attributes).toMatchObject({ "error.type": "UPSTREAM_STATUS", "enhanced_integration.attempt": 1 });
    expect(first.attributes["http.request.resend_count"]).toBeUndefined();
    expect(second.attributes["http.request.resend_count"]).toBe(1);
    expect(second.status).toEqual({ code: SpanStatusCode.ERROR, message: "maps.lookup: key [redacted] is bad" });
    expect(call.status.code).toBe(SpanStatusCode.ERROR);
    expect(call.attributes).toMatchObject({ "error.type": "INVALID_OUTPUT", "enhanced_integration.attempts": 2 });
    expect(
      JSON.stringify(otel.all().map(({ attributes, status, events }) => [attributes, status, events])),
    ).not.toMatch(/0123456789abcdef/);
  });

  it("shows waits for a limit and for room, and refusals", async () => {
    const { clock, pipeline, work } = setUp({ services: { maps: { concurrency: { max: 1, queue: 1 } } } });
    const limited = { ...idempotent, limit: { name: "slow", key: "k", wait: true } };
    await pipeline.run(limited, async () => 1);
    const second = pipeline.run(limited, async () => 2);
    await clock.advance(1_000);
    expect(await second).toBe(2);
    expect(durationMs(otel.one("wait for rate limit"))).toBe(1_000);
    expect(otel.one("wait for rate limit").attributes).toEqual({ "enhanced_integration.wait.for": "rate limit" });

    otel.reset();
    const inside = pipeline.run(idempotent, work(30));
    const behind = pipeline.run(idempotent, work(5));
    const refused = rejection(pipeline.run(idempotent, work(5)));
    await clock.advance(50);
    await Promise.all([inside, behind, refused]);
    expect(durationMs(otel.one("wait for concurrency"))).toBe(30);
    const turnedAway = otel.all().find((span) => span.status.code === SpanStatusCode.ERROR);
    expect(turnedAway?.attributes["error.type"]).toBe("QUEUE_FULL");
    expect(turnedAway?.events).toMatchObject([
      { name: "refused", attributes: { "enhanced_integration.refused.by": "concurrency", "error.type": "QUEUE_FULL" } },
    ]);
  });

  it("shows a hedge as the first attempt's sibling, linked to it, and the loser as cancelled, not as failed", async () => {
    const { clock, pipeline, work } = setUp();
    const answer = pipeline.run({ ...idempotent, hedge: { afterMs: 50 } }, (context) =>
      work(context.attempt === 1 ? 1_000 : 20)(context),
    );
    await clock.advance(70);
    await answer;
    const call = otel.one("maps.lookup");
    const [loser, winner] = [otel.one("attempt 1"), otel.one("attempt 2")];
    expect([isChild(loser, call), isChild(winner, call)]).toEqual([true, true]);
    expect(winner.links.map(({ context }) => context.spanId)).toEqual([loser.spanContext().spanId]);
    expect(winner.attributes["enhanced_integration.hedge"]).toBe(true);
    expect(loser.attributes["enhanced_integration.outcome"]).toBe("cancelled");
    expect([loser.status.code, call.status.code]).toEqual([SpanStatusCode.UNSET, SpanStatusCode.UNSET]);
    expect([durationMs(loser), durationMs(winner), startMs(winner) - startMs(call)]).toEqual([70, 20, 50]);
  });

  it("keeps calls apart whose waits one timer ends", async () => {
    const { clock, pipeline, work } = setUp();
    const host = otel.api.trace.getTracer("host");
    const nested = async (context: AttemptContext) => {
      if (context.attempt === 2) host.startSpan("inside").end();
      return work(context.attempt === 1 ? 500 : 1)(context);
    };
    const calls = ["first", "second"].map((name) =>
      host.startActiveSpan(name, (span) => {
        const running = pipeline.run({ ...idempotent, hedge: { afterMs: 50 } }, nested);
        span.end();
        return running;
      }),
    );
    await clock.advance(60);
    await Promise.all(calls);
    const traces = otel.named("inside").map((span) => span.spanContext().traceId);
    expect(new Set(traces)).toEqual(new Set(["first", "second"].map((name) => otel.one(name).spanContext().traceId)));
  });

  it("of an answer fetched behind the caller's back is a trace of its own, linked to the cause", async () => {
    const { clock, pipeline } = setUp();
    const cache = { key: "k", ttlMs: 10, staleWhileRevalidateMs: 1_000 };
    await pipeline.run({ ...idempotent, cache }, async () => 1);
    await clock.advance(20);
    otel.reset();
    const host = otel.api.trace.getTracer("host");
    await host.startActiveSpan("request", async (span) => {
      await pipeline.run({ ...idempotent, cache }, async () => 2);
      span.end();
    });
    await clock.advance(0);
    const request = otel.one("request").spanContext();
    const [stale, fetched] = [true, false].map((own) =>
      otel.named("maps.lookup").find((span) => (span.spanContext().traceId === request.traceId) === own),
    );
    expect(stale?.attributes["enhanced_integration.cached"]).toBe("stale");
    expect(stale?.events).toMatchObject([{ name: "answered from cache" }]);
    expect(fetched?.links.map(({ context }) => context.traceId)).toEqual([request.traceId]);
    expect(fetched?.parentSpanContext).toBeUndefined();
  });

  it("ends with the call where an attempt is never heard of again", async () => {
    const { clock, pipeline } = setUp();
    const answer = rejection(pipeline.run({ ...idempotent, deadlineMs: 80 }, () => new Promise(() => undefined)));
    await clock.advance(100);
    await answer;
    expect(durationMs(otel.one("attempt 1"))).toBeLessThanOrEqual(80);
    expect(otel.one("maps.lookup").attributes["error.type"]).toMatch(/DEADLINE_EXCEEDED|ATTEMPT_TIMEOUT/);
  });
});
