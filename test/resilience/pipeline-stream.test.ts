import { describe, expect, it } from "vitest";
import { type AttemptContext, EventBus } from "../../src/core/index.ts";
import { createPipeline } from "../../src/resilience/index.ts";
import { EventRecorder, ManualClock } from "../../src/testing/index.ts";
import { always, deaf, idempotent, rejection, reset, write } from "./helpers.ts";

function setUp() {
  const clock = new ManualClock();
  const events = new EventBus();
  const services = { maps: { concurrency: 1, breaker: { minimumCalls: 1 } } };
  const pipeline = createPipeline({ clock, events, services, random: always(0.999_999) });
  const pause = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const timer = clock.setTimer(resolve, ms);
      signal.addEventListener("abort", () => (timer.cancel(), reject(signal.reason)));
    });
  return { clock, pipeline, pause, recorder: new EventRecorder(events) };
}

async function collect<T>(items: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const item of items) into.push(item);
  return into;
}

describe("a stream through the pipeline", () => {
  it("is one call that lasts until its last item", async () => {
    const { clock, pipeline, pause, recorder } = setUp();
    const items = collect(
      pipeline.stream(idempotent, async function* ({ signal }) {
        for (const item of [1, 2, 3]) {
          await pause(100, signal);
          yield item;
        }
      }),
    );
    await clock.advance(299);
    expect(pipeline.inFlight).toBe(1);
    await clock.advance(1);
    expect(await items).toEqual([1, 2, 3]);
    expect(recorder.of("call.finished")).toMatchObject([{ outcome: "ok", attempts: 1, durationMs: 300 }]);
  });

  it("is retried while nothing was delivered", async () => {
    const { clock, pipeline } = setUp();
    const items = collect(
      createPipeline({ clock, random: always(0) }).stream(idempotent, async function* ({ attempt }) {
        await Promise.resolve();
        if (attempt < 3) throw reset();
        yield "late";
      }),
    );
    void pipeline;
    await clock.advance(100);
    expect(await items).toEqual(["late"]);
  });

  it("is not retried once something was delivered, and says that it is final", async () => {
    const { pipeline } = setUp();
    const seen: AttemptContext[] = [];
    const received: string[] = [];
    const error = await rejection(
      collect(
        pipeline.stream(idempotent, async function* (context) {
          seen.push(context);
          await Promise.resolve();
          yield "first";
          throw reset();
        }),
        received,
      ),
    );
    expect([received, seen.length, error.code, error.verdict]).toEqual([["first"], 1, "NETWORK", "fatal"]);
  });

  it("counts against the breaker when it breaks off or falls silent half way", async () => {
    for (const [how, code] of [
      ["breaks off", "NETWORK"],
      ["falls silent", "ATTEMPT_TIMEOUT"],
    ]) {
      const { clock, pipeline, recorder } = setUp();
      const ended = rejection(
        collect(
          pipeline.stream({ ...idempotent, idleTimeoutMs: 100 }, async function* () {
            await Promise.resolve();
            yield "first";
            if (how === "breaks off") throw reset();
            await deaf();
          }),
        ),
      );
      await clock.advance(200);
      expect(await ended).toMatchObject({ code, verdict: "fatal", attempts: 1 });
      expect(pipeline.breaker("maps")?.state, how).toBe("open");
      expect(recorder.of("call.finished")).toMatchObject([{ outcome: "error", code }]);
    }
  });

  it("ends as OUTCOME_UNKNOWN when it breaks off and is not idempotent", async () => {
    const { pipeline } = setUp();
    const error = await rejection(
      collect(
        pipeline.stream(write, async function* () {
          await Promise.resolve();
          yield "first";
          throw reset();
        }),
      ),
    );
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", verdict: "outcome-unknown" });
  });

  it("bounds the wait for the first item by the attempt's timeout, and the rest by the deadline", async () => {
    const { clock, pipeline, pause } = setUp();
    const spec = { ...idempotent, attemptTimeoutMs: 100, maxAttempts: 1, deadlineMs: 1_000 };
    const slowly = (first: number) =>
      collect(
        pipeline.stream(spec, async function* ({ signal }) {
          await pause(first, signal);
          yield 1;
          await pause(800, signal);
          yield 2;
        }),
      );
    const good = slowly(99);
    await clock.advance(899);
    expect(await good).toEqual([1, 2]);
    const late = rejection(slowly(101));
    await clock.advance(100);
    expect((await late).code).toBe("ATTEMPT_TIMEOUT");
  });

  it("ends at its deadline, although its source ignores the signal", async () => {
    const { clock, pipeline } = setUp();
    const received: number[] = [];
    const outcome = rejection(
      collect(
        pipeline.stream({ ...idempotent, deadlineMs: 500 }, async function* () {
          yield 1;
          await deaf();
        }),
        received,
      ),
    );
    await clock.advance(500);
    expect([received, (await outcome).code]).toEqual([[1], "DEADLINE_EXCEEDED"]);
  });

  it("stops its source, frees its permit and counts as a success when the consumer leaves", async () => {
    const { clock, pipeline, pause, recorder } = setUp();
    let stopped = false;
    const leave = async () => {
      const items = pipeline.stream(write, async function* ({ signal }) {
        try {
          for (let item = 0; ; item += 1) {
            yield item;
            await pause(10, signal);
          }
        } finally {
          stopped = true;
        }
      });
      for await (const item of items) if (item === 2) break;
    };
    const leaving = leave();
    await clock.advance(30);
    await leaving;
    await clock.advance(0);
    expect(stopped).toBe(true);
    expect(recorder.of("call.finished")).toMatchObject([{ outcome: "ok" }]);
    expect(await pipeline.run(idempotent, async () => "free")).toBe("free");
  });

  it("rejects at once when the caller aborts, between items and during one", async () => {
    const { clock, pipeline } = setUp();
    const controller = new AbortController();
    const items = pipeline.stream({ ...idempotent, signal: controller.signal }, async function* () {
      yield 1;
      await deaf();
    });
    expect((await items.next()).value).toBe(1);
    const next = rejection(items.next());
    controller.abort();
    expect((await next).code).toBe("ABORTED");
    await clock.advance(100);
    expect([pipeline.inFlight, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("asks for nothing before the consumer does", async () => {
    const { pipeline } = setUp();
    let begun = false;
    const items = pipeline.stream(idempotent, async function* () {
      begun = true;
      yield 1;
    });
    expect(begun).toBe(false);
    await items.return();
    expect(pipeline.inFlight).toBe(0);
  });

  it("ends when the next item takes longer than idleTimeoutMs, the consumer's own time not counted", async () => {
    const { clock, pipeline, pause } = setUp();
    const gaps = (...all: number[]) =>
      pipeline.stream({ ...idempotent, attemptTimeoutMs: 1_000, idleTimeoutMs: 100 }, async function* ({ signal }) {
        for (const gap of all) {
          await pause(gap, signal);
          yield gap;
        }
      });
    const slowConsumer = gaps(500, 100, 100);
    const received: unknown[] = [];
    const consume = async () => {
      for await (const item of slowConsumer) {
        received.push(item);
        await pause(400, new AbortController().signal);
      }
    };
    const consumed = consume();
    await clock.advance(5_000);
    await consumed;
    expect(received).toEqual([500, 100, 100]);

    const stalled = rejection(collect(gaps(10, 101)));
    await clock.advance(110);
    expect((await stalled).code).toBe("ATTEMPT_TIMEOUT");
    await clock.advance(1_000);
    expect([pipeline.inFlight, clock.pendingTimers]).toEqual([0, 0]);
  });
});
