import { describe, expect, it } from "vitest";
import { EventBus, type IntegrationError } from "../../src/core/index.ts";
import { EnhancedErrorHandler, type ErrorHandlerOptions, RetryBudget } from "../../src/resilience/index.ts";
import { EventRecorder, ManualClock, seededRandom } from "../../src/testing/index.ts";
import { always, deaf, failure, idempotent, rejection, reset, thrownBy, write } from "./helpers.ts";

function setUp(options: ErrorHandlerOptions = {}) {
  const clock = new ManualClock();
  const handler = new EnhancedErrorHandler({ clock, random: always(0.999_999), ...options });
  /** Fails with each of `errors` in turn, then succeeds. */
  const operation = (...errors: unknown[]) => {
    const times: number[] = [];
    const run = async () => {
      times.push(clock.now());
      if (times.length <= errors.length) throw errors[times.length - 1];
      return "done";
    };
    return { run, times };
  };
  return { clock, handler, operation };
}

const errno = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

describe("EnhancedErrorHandler.handleWithRetry", () => {
  it("repeats what may pass and returns the value", async () => {
    const { clock, handler, operation } = setUp();
    const { run, times } = operation(errno("ECONNRESET"), errno("ETIMEDOUT"));
    const result = handler.handleWithRetry(run, "listings.import");
    await clock.advance(60_000);
    expect(await result).toBe("done");
    expect(times).toEqual([0, 1_000, 3_000]);
  });

  it.each<[string, ErrorHandlerOptions]>([
    ["maxAttempts: 4", { maxAttempts: 4 }],
    ["the plan's maxRetries: 3", { maxRetries: 3 }],
    ["no option at all", {}],
  ])("makes four attempts with %s, and says four", async (_what, options) => {
    const { clock, handler, operation } = setUp(options);
    const { run, times } = operation(...Array.from({ length: 10 }, reset));
    const outcome = rejection(handler.handleWithRetry(run, "x.y"));
    await clock.advance(60_000);
    expect((await outcome).attempts).toBe(4);
    expect(times).toEqual([0, 1_000, 3_000, 7_000]);
  });

  it("accepts the plan's names of the delays", async () => {
    const { clock, handler, operation } = setUp({ baseDelay: 100, maxDelay: 250, backoffMultiplier: 3, maxRetries: 3 });
    const { run, times } = operation(reset(), reset(), reset());
    void handler.handleWithRetry(run, "x.y");
    await clock.advance(1_000);
    expect(times).toEqual([0, 100, 350, 600]);
  });

  it("draws each wait between 0 and its bound from the given chance", async () => {
    const { clock, handler, operation } = setUp({ random: seededRandom(7), maxAttempts: 100 });
    const { run, times } = operation(...Array.from({ length: 60 }, reset));
    void handler.handleWithRetry(run, "x.y");
    await clock.advance(1_000_000);
    const waits = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.max(...waits)).toBeLessThanOrEqual(10_000);
    expect(new Set(waits).size).toBeGreaterThan(50);
    expect(Math.min(...waits.slice(5))).toBeLessThan(2_500);
  });

  it.each([
    ["a 400", Object.assign(new Error("bad"), { status: 400 })],
    ["a unique violation", Object.assign(new Error("duplicate key"), { code: "23505" })],
    ["a TypeError", new TypeError("Cannot read properties of undefined (reading 'network')")],
    ["a thrown string", "out of luck"],
    ["a thrown null", null],
    ["a thrown undefined", undefined],
  ])("fails at once for %s, the original kept as the cause", async (_what, thrown) => {
    const { handler, operation } = setUp();
    const { run, times } = operation(thrown);
    const error = await rejection(handler.handleWithRetry(run, "listings.import"));
    expect(times).toHaveLength(1);
    expect(error).toMatchObject({ service: "listings", operation: "import", attempts: 1 });
    expect(error.cause).toBe(thrown);
    expect(error.message).not.toContain("undefined:");
  });

  it("keeps class, code, status and SQLSTATE of the last failure, and the history of all", async () => {
    class VendorError extends Error {
      readonly status = 503;
    }
    const { clock, handler, operation } = setUp({ maxAttempts: 2 });
    const last = new VendorError("overloaded");
    const outcome = rejection(handler.handleWithRetry(operation(errno("ECONNRESET"), last).run, "x.y"));
    await clock.advance(60_000);
    const error = await outcome;
    expect(error).toMatchObject({ code: "UPSTREAM_STATUS", status: 503, attempts: 2 });
    expect(error.cause).toBe(last);
    expect(error.details?.["history"]).toMatchObject([
      { step: "attempt", attempt: 1, code: "NETWORK" },
      { step: "wait", for: "backoff", durationMs: 1_000 },
      { step: "attempt", attempt: 2, code: "UPSTREAM_STATUS" },
    ]);
  });

  it("throws an error of ours as the same object", async () => {
    const { handler } = setUp();
    const own = failure("NOT_FOUND", { details: { table: "listings" } });
    const error = await rejection(handler.handleWithRetry(() => Promise.reject(own), "x.y"));
    expect(error).toBe(own);
    expect(error.details).toEqual({ table: "listings" });
  });

  it("catches what an operation throws before its first await", async () => {
    const { handler } = setUp();
    const synchronous = () => {
      throw new RangeError("too far");
    };
    expect((await rejection(handler.handleWithRetry(synchronous, "x.y"))).cause).toBeInstanceOf(RangeError);
  });

  it("waits for a Retry-After that fits, and fails with one that does not", async () => {
    const { clock, handler, operation } = setUp();
    const busy = (seconds: string) =>
      Object.assign(new Error("busy"), { status: 429, headers: { "Retry-After": seconds } });
    const { run, times } = operation(busy("30"));
    void handler.handleWithRetry(run, "x.y");
    await clock.advance(60_000);
    expect(times).toEqual([0, 30_000]);

    const hostile = operation(busy("9999999999"));
    const error = await rejection(handler.handleWithRetry(hostile.run, "x.y"));
    expect(hostile.times).toHaveLength(1);
    expect(error).toMatchObject({ code: "UPSTREAM_STATUS", verdict: "throttled", retryAfterMs: 86_400_000 });
  });

  it.each(["0", "-5", "abc", "1e300", "Wed, 21 Oct 2015 07:28:00 GMT"])(
    "is not hastened by a Retry-After of %s",
    async (value) => {
      const { clock, handler, operation } = setUp();
      const { run, times } = operation(
        Object.assign(new Error("busy"), { status: 503, headers: new Headers({ "retry-after": value }) }),
      );
      void handler.handleWithRetry(run, "x.y");
      await clock.advance(60_000);
      expect(times).toEqual([0, 1_000]);
    },
  );

  it("stops in the middle of a wait when the signal fires, and makes no further attempt", async () => {
    const { clock, handler, operation } = setUp();
    const controller = new AbortController();
    const { run, times } = operation(reset(), reset());
    const outcome = rejection(handler.handleWithRetry(run, "x.y", { signal: controller.signal }));
    await clock.advance(500);
    controller.abort();
    expect((await outcome).code).toBe("ABORTED");
    await clock.advance(60_000);
    expect(times).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it("hands its signal to the operation, and leaves one behind that does not listen", async () => {
    const { clock, handler } = setUp();
    const controller = new AbortController();
    let seen: AbortSignal | undefined;
    const outcome = rejection(
      handler.handleWithRetry(({ signal }) => ((seen = signal), deaf()), "x.y", { signal: controller.signal }),
    );
    await clock.advance(1);
    controller.abort();
    expect((await outcome).code).toBe("ABORTED");
    expect((seen?.reason as IntegrationError).code).toBe("ABORTED");
  });

  it("numbers the attempts from 1", async () => {
    const { clock, handler } = setUp();
    const seen: number[] = [];
    const operation = async ({ attempt }: { attempt: number }) => {
      seen.push(attempt);
      if (attempt < 3) throw reset();
    };
    void handler.handleWithRetry(operation, "x.y");
    await clock.advance(10_000);
    expect(seen).toEqual([1, 2, 3]);
  });

  it("keeps to a total deadline, and to an attempt timeout of the CallSpec", async () => {
    const { clock, handler } = setUp();
    const slow = rejection(handler.handleWithRetry(deaf, "x.y", { deadlineMs: 5_000 }));
    const starts: number[] = [];
    const stalled = rejection(
      handler.handleWithRetry(
        () => (starts.push(clock.now()), deaf()),
        { ...idempotent, attemptTimeoutMs: 100 },
        { maxAttempts: 2 },
      ),
    );
    await clock.advance(5_000);
    expect((await slow).code).toBe("DEADLINE_EXCEEDED");
    expect(await stalled).toMatchObject({ code: "ATTEMPT_TIMEOUT", attempts: 2 });
    expect(starts).toEqual([0, 1_100]);
  });

  it("takes an operation named by a string for idempotent, and a CallSpec at its word", async () => {
    const { clock, handler, operation } = setUp({ maxAttempts: 2 });
    const named = operation(reset());
    const unspecified = operation(reset());
    const refused = operation(reset());
    void handler.handleWithRetry(named.run, "x.y");
    void handler.handleWithRetry(unspecified.run, write);
    const outcome = rejection(handler.handleWithRetry(refused.run, { ...write, idempotent: false }));
    await clock.advance(10_000);
    expect([named.times.length, unspecified.times.length, refused.times.length]).toEqual([2, 2, 1]);
    expect((await outcome).code).toBe("OUTCOME_UNKNOWN");
  });

  it("spends a budget that several calls share, and says so when it is gone", async () => {
    const { clock, handler, operation } = setUp({ budget: new RetryBudget({ capacity: 1 }) });
    const first = handler.handleWithRetry(operation(reset()).run, "x.y");
    const last = reset();
    const second = rejection(handler.handleWithRetry(operation(last).run, "x.y"));
    await clock.advance(60_000);
    expect(await first).toBe("done");
    expect(await second).toMatchObject({ code: "BUDGET_EXHAUSTED", attempts: 1, cause: last });
  });

  it("tells of failures and retries", async () => {
    const events = new EventBus();
    const recorder = new EventRecorder(events);
    const { clock, handler, operation } = setUp({ events });
    void handler.handleWithRetry(operation(reset()).run, "listings.import");
    await clock.advance(60_000);
    expect(recorder.names).toEqual(["attempt.failed", "retry.scheduled"]);
    expect(recorder.of("retry.scheduled")[0]).toMatchObject({ service: "listings", attempt: 2, delayMs: 1_000 });
  });

  it("names every bad option at once", () => {
    const { code, message } = thrownBy(
      () => new EnhancedErrorHandler({ maxRetries: -2, baseDelay: NaN, maxDelayMs: -1, backoffMultiplier: 0 }),
    );
    expect(code).toBe("INVALID_INPUT");
    for (const name of ["maxAttempts", "baseDelayMs", "maxDelayMs", "backoffMultiplier"])
      expect(message).toContain(name);
  });
});

describe("EnhancedErrorHandler.classify", () => {
  it.each([
    [errno("ECONNREFUSED"), "retryable"],
    [Object.assign(new Error("deadlock"), { code: "40P01" }), "retryable"],
    [{ status: 429 }, "throttled"],
    [{ status: 401 }, "auth"],
    [new TypeError("x is not a function"), "fatal"],
    [failure("OUTCOME_UNKNOWN"), "outcome-unknown"],
    ["text", "fatal"],
    [null, "fatal"],
  ])("judges %s", (thrown, verdict) => {
    expect(new EnhancedErrorHandler().classify(thrown)).toBe(verdict);
  });
});
