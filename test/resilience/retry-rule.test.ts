import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_SERVER_HINT_MS } from "../../src/core/index.ts";
import { DEFAULT_POLICY } from "../../src/resilience/policy.ts";
import { answerLost, finalError, mayRetry, planRetry } from "../../src/resilience/retry-rule.ts";
import { always, failure, reset, unavailable } from "./helpers.ts";

describe("mayRetry", () => {
  it.each([
    ["a lost connection of a repeatable call", reset(), true, true],
    ["a lost connection of any other call", reset(), false, false],
    ["a request that was not sent", failure("NETWORK", { notSent: true }), false, true],
    [
      "a throttled request",
      failure("UPSTREAM_STATUS", { status: 429, verdict: "throttled", notSent: true }),
      false,
      true,
    ],
    ["a wrong input", failure("INVALID_INPUT"), true, false],
    ["an unknown outcome", failure("OUTCOME_UNKNOWN"), true, false],
    ["a refused token", failure("UNAUTHENTICATED"), true, false],
    ["our own rate limit", failure("RATE_LIMITED"), true, false],
    ["our own full queue", failure("QUEUE_FULL"), true, false],
    ["an open circuit", failure("CIRCUIT_OPEN"), true, false],
    ["an exhausted budget", failure("BUDGET_EXHAUSTED"), true, false],
    ["an abort", failure("ABORTED"), true, false],
  ])("judges %s", (_what, error, repeatable, expected) => {
    expect(mayRetry(error, { repeatable })).toBe(expected);
  });
});

describe("planRetry", () => {
  const plan = (error = reset(), attempt = 1, remainingMs = 30_000, chance = 0.5) =>
    planRetry(error, attempt, remainingMs, DEFAULT_POLICY, always(chance));

  it("draws the wait evenly below a bound that doubles up to maxDelayMs", () => {
    expect([1, 2, 3, 4, 5, 50].map((attempt) => plan(reset(), attempt))).toEqual(
      [500, 1_000, 2_000, 4_000, 5_000, 5_000].map((delayMs) => ({ delayMs })),
    );
    expect(plan(reset(), 1, 30_000, 0)).toEqual({ delayMs: 0 });
  });

  it("waits for the service's hint if that is longer, and never less than its own backoff", () => {
    const hinted = (retryAfterMs: number) =>
      plan(failure("UPSTREAM_STATUS", { retryAfterMs, verdict: "throttled" }), 3);
    expect(hinted(7_000)).toEqual({ delayMs: 7_000 });
    expect(hinted(10)).toEqual({ delayMs: 2_000 });
    expect(hinted(60_001)).toEqual({ stop: "hint too long" });
  });

  it("is neither hastened nor stopped from ending by a hostile hint", () => {
    const hostile = fc.oneof(
      fc.double(),
      fc.constantFrom(0, -5, -1e300, NaN, Infinity, -Infinity, 1e300, 9_999_999_999_000, MAX_SERVER_HINT_MS, 2 ** 31),
    );
    fc.assert(
      fc.property(
        hostile,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (retryAfterMs, attempt, remainingMs, chance) => {
          const own = plan(reset(), attempt, Infinity, chance) as { delayMs: number };
          const hinted = plan(failure("NETWORK", { retryAfterMs }), attempt, remainingMs, chance);
          if ("stop" in hinted) return;
          expect(hinted.delayMs).toBeGreaterThanOrEqual(own.delayMs);
          expect(hinted.delayMs).toBeLessThan(remainingMs);
          expect(hinted.delayMs).toBeLessThanOrEqual(60_000);
        },
      ),
    );
  });

  it("does not begin a wait that cannot end before the deadline", () => {
    expect(plan(reset(), 1, 500)).toEqual({ stop: "no time left" });
    expect(plan(reset(), 1, 501)).toEqual({ delayMs: 500 });
  });
});

describe("the end of a call that is not idempotent", () => {
  const end = (error: ReturnType<typeof failure>, inDoubt = true, idempotent = false) =>
    finalError(error, { inDoubt, idempotent, name: "maps.pay" });

  it.each([
    ["a stalled attempt", failure("ATTEMPT_TIMEOUT"), true],
    ["a lost connection", reset(), true],
    ["a gateway that lost the service", failure("UPSTREAM_STATUS", { status: 504, verdict: "retryable" }), true],
    ["a request that was not sent", failure("NETWORK", { notSent: true }), false],
    ["a service that answers 503", unavailable(), false],
    ["a refused request", failure("INVALID_INPUT", { status: 400 }), false],
    ["a database that refuses the connection", failure("NETWORK", { verdict: "throttled" }), false],
  ])("is in doubt or not after %s", (_what, error, lost) => {
    expect(answerLost(error)).toBe(lost);
  });

  it("is OUTCOME_UNKNOWN with the cause kept, whatever refused the next attempt", () => {
    for (const error of [
      reset(),
      failure("CIRCUIT_OPEN"),
      failure("RATE_LIMITED"),
      failure("NETWORK", { notSent: true }),
    ]) {
      const final = end(error);
      expect(final).toMatchObject({ code: "OUTCOME_UNKNOWN", verdict: "outcome-unknown", cause: error });
      expect(final.message).toContain("look before doing it again");
    }
  });

  it("is the service's own answer, if there was one", () => {
    const answer = failure("CONFLICT", { status: 409 });
    expect(end(answer)).toBe(answer);
  });

  it("stays what it is where nothing is in doubt, or repeating is harmless", () => {
    const lost = reset();
    expect(end(lost, false)).toBe(lost);
    expect(end(lost, true, true)).toBe(lost);
  });
});
