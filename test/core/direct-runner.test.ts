import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { type AttemptContext, directRunner, IntegrationError } from "../../src/core/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

const read = { service: "maps", operation: "lookup", idempotent: true };
const write = { service: "maps", operation: "pay" };
const deaf = () => new Promise<never>(() => undefined);
const caught = (promise: Promise<unknown>) =>
  promise.catch((error: unknown) => error as IntegrationError) as Promise<IntegrationError>;

describe("directRunner", () => {
  it("runs one attempt and gives it what it needs", async () => {
    const clock = new ManualClock();
    let seen: AttemptContext | undefined;
    const value = await directRunner({ clock }).run(
      { ...read, idempotencyKey: "k" },
      async (context) => ((seen = context), 42),
    );
    expect(value).toBe(42);
    expect(seen).toMatchObject({ attempt: 1, deadlineAt: 30_000, idempotencyKey: "k" });
    expect([seen?.remainingMs(), seen?.signal.aborted, clock.pendingTimers]).toEqual([30_000, false, 0]);
  });

  it("ends at the deadline: in doubt for a write, plainly failed for a read", async () => {
    const clock = new ManualClock();
    const runner = directRunner({ clock, deadlineMs: 1_000 });
    const outcomes = [caught(runner.run(write, deaf)), caught(runner.run(read, deaf))];
    await clock.advance(1_000);
    expect((await Promise.all(outcomes)).map(({ code, verdict }) => [code, verdict])).toEqual([
      ["DEADLINE_EXCEEDED", "outcome-unknown"],
      ["DEADLINE_EXCEEDED", "fatal"],
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("tells an abort from a timeout, and leaves no listener and no timer", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const outcome = caught(directRunner({ clock }).run({ ...write, signal: controller.signal }, deaf));
    controller.abort("bye");
    expect(await outcome).toMatchObject({ code: "ABORTED", verdict: "outcome-unknown", cause: "bye", attempts: 1 });
    expect([getEventListeners(controller.signal, "abort").length, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("does not begin under a fired signal, so nothing is in doubt", async () => {
    let begun = false;
    const spec = { ...write, signal: AbortSignal.abort() };
    const error = await caught(directRunner().run(spec, async () => void (begun = true)));
    expect([error.code, error.verdict, error.attempts, begun]).toEqual(["ABORTED", "fatal", 0, false]);
  });

  it("judges what the attempt throws, and annotates it", async () => {
    const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    const error = await caught(directRunner().run(read, () => Promise.reject(reset)));
    expect(error).toMatchObject({
      code: "NETWORK",
      verdict: "retryable",
      service: "maps",
      operation: "lookup",
      attempts: 1,
      cause: reset,
    });
    expect(error.callId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("awaits queries that are thenables and no more", async () => {
    const query = { then: (resolve: (rows: number[]) => void) => resolve([1]) };
    expect(await directRunner().run(read, () => query as unknown as Promise<number[]>)).toEqual([1]);
  });
});

describe("directRunner.stream", () => {
  async function* numbers(): AsyncGenerator<number> {
    for (const item of [1, 2, 3]) yield await Promise.resolve(item);
  }

  it("delivers in order", async () => {
    const received: number[] = [];
    for await (const item of directRunner().stream(read, numbers)) received.push(item);
    expect(received).toEqual([1, 2, 3]);
  });

  it("makes its source wait until an item was taken", async () => {
    let produced = 0;
    const items = directRunner().stream(read, async function* () {
      for (;;) yield await Promise.resolve(++produced);
    });
    await items.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(produced).toBeLessThanOrEqual(2);
    await items.return();
  });

  it("aborts the source's signal when the consumer leaves, and releases everything", async () => {
    const clock = new ManualClock();
    let signal: AbortSignal | undefined;
    let cleaned = false;
    const source = async function* (context: AttemptContext) {
      signal = context.signal;
      try {
        yield* numbers();
      } finally {
        cleaned = true;
      }
    };
    for await (const item of directRunner({ clock }).stream(read, source)) if (item === 2) break;
    await clock.advance(0);
    expect([signal?.aborted, cleaned, clock.pendingTimers]).toEqual([true, true, 0]);
  });

  it("passes a failure on after the items before it", async () => {
    const received: number[] = [];
    const source = async function* () {
      yield* numbers();
      throw new IntegrationError({ code: "INVALID_OUTPUT", message: "half a line" });
    };
    const outcome = await caught(
      (async () => {
        for await (const item of directRunner().stream(read, source)) received.push(item);
      })(),
    );
    expect([received, outcome.code]).toEqual([[1, 2, 3], "INVALID_OUTPUT"]);
  });

  it("delivers nothing more once the deadline has passed", async () => {
    const clock = new ManualClock();
    const items = directRunner({ clock, deadlineMs: 100 }).stream(read, numbers);
    expect((await items.next()).value).toBe(1);
    await clock.advance(100);
    expect((await caught(items.next())).code).toBe("DEADLINE_EXCEEDED");
  });
});
