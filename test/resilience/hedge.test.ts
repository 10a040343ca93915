import { describe, expect, it } from "vitest";
import { type AttemptContext, type CallSpec, EventBus, type HedgeRule } from "../../src/core/index.ts";
import { createPipeline, type PipelineOptions, RateLimiter } from "../../src/resilience/index.ts";
import { LatencyQuantile } from "../../src/resilience/latency-quantile.ts";
import { EventRecorder, ManualClock, seededRandom } from "../../src/testing/index.ts";
import { always, failure, idempotent, rejection, reset, thrownBy, write } from "./helpers.ts";

function setUp(options: PipelineOptions = {}) {
  const clock = new ManualClock();
  const events = new EventBus();
  const pipeline = createPipeline({ clock, events, random: always(0), ...options });
  /** The attempts take so long in turn, or fail with what stands in their place; every one heeds its signal. */
  const server = (...turns: (number | [number, unknown])[]) => {
    const seen: AttemptContext[] = [];
    const attempt = (context: AttemptContext) => {
      const turn = turns[seen.push(context) - 1] ?? 0;
      const [ms, error] = typeof turn === "number" ? [turn] : turn;
      return new Promise<number>((resolve, reject) => {
        const timer = clock.setTimer(() => (error === undefined ? resolve(context.attempt) : reject(error)), ms);
        context.signal.addEventListener("abort", () => (timer.cancel(), reject(context.signal.reason)));
      });
    };
    return { attempt, seen };
  };
  return { clock, pipeline, recorder: new EventRecorder(events), server };
}
const hedged = (hedge: HedgeRule = { afterMs: 50 }, spec: Partial<CallSpec> = {}): CallSpec => ({
  ...idempotent,
  ...spec,
  hedge,
});

describe("a hedged read", () => {
  it("is tried a second time beside a slow first one; the first answer counts, the loser's signal fires", async () => {
    const { clock, pipeline, server, recorder } = setUp();
    const { attempt, seen } = server(1_000, 20);
    const answer = pipeline.runWithMeta(hedged(), attempt);
    await clock.advance(49);
    expect(seen).toHaveLength(1);
    await clock.advance(21);
    const { value, meta } = await answer;
    expect([value, meta.attempts]).toEqual([2, 2]);
    expect(seen.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(recorder.of("hedge.started")).toMatchObject([{ service: "maps", operation: "lookup", afterMs: 50 }]);
    expect(recorder.of("attempt.failed")).toEqual([]);
    await clock.advance(100);
    expect([pipeline.inFlight, clock.pendingTimers]).toEqual([0, 0]);
    expect(pipeline.explain(meta.callId)).toMatchObject({
      outcome: "ok",
      durationMs: 70,
      otherMs: 0,
      waitedMs: 0,
      steps: [
        { step: "attempt", attempt: 2, atMs: 50, durationMs: 20, outcome: "ok", hedge: true },
        { step: "attempt", attempt: 1, atMs: 0, durationMs: 70, outcome: "cancelled" },
      ],
    });
  });

  it("is made once where the first attempt is quick enough, and leaves no timer", async () => {
    const { clock, pipeline, server } = setUp();
    const { attempt, seen } = server(40);
    const answer = pipeline.run(hedged(), attempt);
    await clock.advance(40);
    expect(await answer).toBe(1);
    await clock.advance(100);
    expect([seen.length, clock.pendingTimers]).toEqual([1, 0]);
  });

  it("takes the first one's answer where that comes before the hedge's", async () => {
    const { clock, pipeline, server } = setUp();
    const { attempt, seen } = server(60, 1_000);
    const answer = pipeline.run(hedged(), attempt);
    await clock.advance(60);
    expect([await answer, seen[1]?.signal.aborted]).toEqual([1, true]);
  });

  it("waits for the other attempt when one fails in a way that may pass", async () => {
    const { clock, pipeline, server } = setUp();
    const answer = pipeline.run(hedged(), server([60, reset()], 100).attempt);
    await clock.advance(150);
    expect(await answer).toBe(2);
  });

  it("ends at once with an answer that is final, and lets the other attempt go", async () => {
    const { clock, pipeline, server } = setUp();
    const { attempt, seen } = server([60, failure("NOT_FOUND", { status: 404 })], 1_000);
    const outcome = rejection(pipeline.run(hedged(), attempt));
    await clock.advance(60);
    expect([(await outcome).code, seen[1]?.signal.aborted]).toEqual(["NOT_FOUND", true]);
  });

  it("is retried when all its attempts have failed, without hedges counting as retries", async () => {
    const { clock, pipeline, server, recorder } = setUp();
    const { attempt, seen } = server([60, reset()], [60, reset()], 10);
    const answer = pipeline.run({ ...hedged(), maxAttempts: 2 }, attempt);
    await clock.advance(200);
    expect([await answer, seen.length]).toEqual([3, 3]);
    expect(recorder.of("retry.scheduled")).toHaveLength(1);
  });

  it("makes as many hedges as it may", async () => {
    const { clock, pipeline, server } = setUp();
    const { attempt, seen } = server(1_000, 1_000, 1_000, 1_000);
    const answer = pipeline.run(hedged({ afterMs: 50, maxHedges: 2 }), attempt);
    await clock.advance(500);
    expect(seen).toHaveLength(3);
    await clock.advance(500);
    expect(await answer).toBe(1);
  });

  it("is never made of a call that is not idempotent, writes, or has no rule", async () => {
    const { clock, pipeline, server } = setUp();
    const { attempt, seen } = server(100, 100, 100, 100);
    void pipeline.run({ ...write, hedge: { afterMs: 1 } }, attempt);
    void pipeline.run({ ...write, idempotencyKey: "k", hedge: { afterMs: 1 } }, attempt);
    void pipeline.run({ ...hedged(), write: true }, attempt);
    void pipeline.run(idempotent, attempt);
    await clock.advance(100);
    expect(seen).toHaveLength(4);
  });

  it("lets go of all its attempts with the caller's reason when the caller leaves", async () => {
    const { clock, pipeline, server } = setUp();
    const controller = new AbortController();
    const { attempt, seen } = server(1_000, 1_000);
    const outcome = rejection(pipeline.run(hedged(undefined, { signal: controller.signal }), attempt));
    await clock.advance(60);
    controller.abort();
    const error = await outcome;
    expect([error.code, seen.map(({ signal }) => signal.reason === error)]).toEqual(["ABORTED", [true, true]]);
    await clock.advance(1_000);
    expect([pipeline.inFlight, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("follows the service's rule, unless the call says no", async () => {
    const { clock, pipeline, server } = setUp({ services: { maps: { hedge: { afterMs: 10 } } } });
    const { attempt, seen } = server(100, 100, 100);
    void pipeline.run(idempotent, attempt);
    void pipeline.run({ ...idempotent, hedge: false }, attempt);
    await clock.advance(100);
    expect(seen).toHaveLength(3);
  });
});

describe("what a hedge costs", () => {
  it("is paid out of the service's retry budget; without budget there is none", async () => {
    const { clock, pipeline, server } = setUp({ services: { maps: { budget: { capacity: 1, perSuccess: 0 } } } });
    const { attempt, seen } = server(200, 200, 200, 200);
    const answers = [1, 2].map(() => pipeline.runWithMeta(hedged(), attempt));
    await clock.advance(200);
    const [, second] = await Promise.all(answers);
    expect([seen.length, pipeline.budget("maps")?.available]).toEqual([3, 0]);
    expect(pipeline.explain(second?.meta.callId as string)?.steps).toMatchObject([
      { step: "refusal", by: "hedge", code: "BUDGET_EXHAUSTED", atMs: 50 },
      { step: "attempt", outcome: "ok" },
    ]);
  });

  it("is charged to the limit like any attempt, and refused by it without harm to the first", async () => {
    const clock = new ManualClock();
    const limiter = new RateLimiter({ clock, limits: { quota: { requests: 1, windowMs: 3_600_000 } } });
    const { pipeline } = setUp({ clock, limiter });
    const spec = hedged({ afterMs: 50 }, { limit: { name: "quota", key: "k" } });
    let begun = 0;
    const slow = async (error?: unknown) => {
      begun += 1;
      await new Promise<void>((resolve) => clock.setTimer(resolve, 100));
      if (error !== undefined) throw error;
      return "done";
    };
    const answer = pipeline.runWithMeta(spec, () => slow());
    await clock.advance(100);
    const { value, meta } = await answer;
    expect([value, begun]).toEqual(["done", 1]);
    expect(pipeline.explain(meta.callId)?.steps).toMatchObject([
      { step: "refusal", by: "rate limit", atMs: 50 },
      { step: "attempt", outcome: "ok" },
    ]);
    await clock.advance(3_600_000);
    const missing = failure("NOT_FOUND", { status: 404 });
    const outcome = rejection(pipeline.run(spec, () => slow(missing)));
    await clock.advance(100);
    expect(await outcome).toBe(missing);
  });

  it("is one more permit of the service, given back by winner and loser", async () => {
    const { clock, pipeline, server } = setUp({ services: { maps: { concurrency: 2 } } });
    const answer = pipeline.run(hedged(), server(1_000, 20).attempt);
    await clock.advance(60);
    expect(pipeline.concurrency("maps").inFlight).toBe(2);
    await clock.advance(10);
    await answer;
    expect(pipeline.concurrency("maps").inFlight).toBe(0);
  });

  it("never counts a loser as a failure, but as slow where it was", async () => {
    const breaker = { minimumCalls: 4, slowCallMs: 60, slowRatio: 0.5 };
    const { clock, pipeline, server } = setUp({ services: { maps: { breaker } } });
    for (let call = 0; call < 2; call += 1) {
      const answer = pipeline.run(hedged(), server(1_000, 20).attempt);
      await clock.advance(70);
      await answer;
    }
    expect(pipeline.breaker("maps")?.state).toBe("open");
    const quick = setUp({ services: { maps: { breaker: { ...breaker, slowCallMs: 500 } } } });
    for (let call = 0; call < 10; call += 1) {
      const answer = quick.pipeline.run(hedged(), quick.server(1_000, 20).attempt);
      await quick.clock.advance(70);
      await answer;
    }
    expect(quick.pipeline.breaker("maps")?.state).toBe("closed");
  });
});

describe("the moment of a hedge", () => {
  it("is the measured quantile of the operation, once enough was measured", async () => {
    const { clock, pipeline, server } = setUp();
    for (let call = 0; call < 100; call += 1) {
      const answer = pipeline.run(hedged({}), server(call < 90 ? 100 : 300).attempt);
      await clock.advance(300);
      await answer;
    }
    const { attempt, seen } = server(5_000, 10);
    const before = clock.now();
    const answer = pipeline.run(hedged({ afterP: 0.5 }), attempt);
    await clock.advance(5_000);
    await answer;
    const begunAt = before + (pipeline.explain(seen[0]?.callId as string)?.durationMs ?? 0) - 10;
    expect(begunAt - before).toBeGreaterThanOrEqual(100);
    expect(begunAt - before).toBeLessThanOrEqual(125);
  });

  it("does not come before twenty durations were measured", async () => {
    const { clock, pipeline, server } = setUp();
    const { attempt, seen } = server(10_000);
    const answer = pipeline.run(hedged({}), attempt);
    await clock.advance(9_999);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    await answer;
  });

  it("is checked like any option", async () => {
    expect((await rejection(setUp().pipeline.run(hedged({ afterP: 1 }), async () => 1))).message).toContain(
      "hedge.afterP",
    );
    const { message } = thrownBy(() => createPipeline({ defaults: { hedge: { afterMs: 0, maxHedges: 9 } } }));
    for (const name of ["defaults.hedge.afterMs", "defaults.hedge.maxHedges"]) expect(message).toContain(name);
  });
});

describe("a LatencyQuantile", () => {
  it("is right to a fifth at any quantile, whatever the distribution", () => {
    const random = seededRandom(3);
    const quantiles = new LatencyQuantile();
    const all: number[] = [];
    for (let index = 0; index < 900; index += 1) {
      const ms = 5 + 200 * random.next() ** 4;
      quantiles.add(ms);
      all.push(ms);
    }
    all.sort((a, b) => a - b);
    for (const p of [0.1, 0.5, 0.95, 0.99]) {
      const exact = all[Math.ceil(p * all.length) - 1] as number;
      expect(quantiles.quantile(p) / exact).toBeGreaterThan(0.99);
      expect(quantiles.quantile(p) / exact).toBeLessThan(1.21);
    }
  });

  it("forgets: after a thousand new durations the old ones are outvoted", () => {
    const quantiles = new LatencyQuantile();
    for (let index = 0; index < 5_000; index += 1) quantiles.add(1_000);
    for (let index = 0; index < 2_000; index += 1) quantiles.add(10);
    expect(quantiles.quantile(0.5)).toBeLessThan(13);
    expect(quantiles.count).toBeLessThanOrEqual(1_000);
  });

  it("takes extremes", () => {
    const quantiles = new LatencyQuantile();
    for (const ms of [0, 1e-9, 1e12, Infinity]) quantiles.add(ms);
    expect(quantiles.quantile(0.01)).toBeLessThan(1);
    expect(quantiles.quantile(1)).toBeGreaterThan(3_600_000);
  });
});
