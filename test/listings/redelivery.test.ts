import { describe, expect, it } from "vitest";
import { CallScopes, type ErrorCode, IntegrationError, type Verdict } from "../../src/core/index.ts";
import { Redelivery } from "../../src/listings/redelivery.ts";
import { ManualClock } from "../../src/testing/index.ts";

const failure = (code: ErrorCode, facts: { verdict?: Verdict; retryAfterMs?: number } = {}) =>
  new IntegrationError({ code, message: `it failed: ${code}`, ...facts });

function setUp() {
  const clock = new ManualClock();
  const scopes = new CallScopes();
  const redelivery = new Redelivery(clock, scopes);
  const deliveredAt: number[] = [];
  /** Fails with each error in turn, then succeeds. */
  const step = (...errors: unknown[]) => {
    const left = [...errors];
    return async () => {
      deliveredAt.push(clock.now());
      if (left.length > 0) throw left.shift();
      return "done";
    };
  };
  return { clock, scopes, redelivery, deliveredAt, step };
}
const forever = (error: unknown) => Array.from({ length: 100 }, () => error);

describe("redelivery", () => {
  it("takes a step up again after waits that double up to five seconds, eight times in all", async () => {
    const { clock, redelivery, deliveredAt, step } = setUp();
    const error = failure("CIRCUIT_OPEN");
    const ended = expect(redelivery.run(step(...forever(error)))).rejects.toBe(error);
    await clock.advance(60_000);
    await ended;
    expect(deliveredAt).toEqual([0, 250, 750, 1_750, 3_750, 7_750, 12_750, 17_750]);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each<[ErrorCode, Verdict | undefined]>([
    ["CIRCUIT_OPEN", undefined],
    ["RATE_LIMITED", undefined],
    ["QUEUE_FULL", undefined],
    ["BUDGET_EXHAUSTED", undefined],
    ["OUTCOME_UNKNOWN", undefined],
    ["DEADLINE_EXCEEDED", undefined],
    ["NETWORK", undefined],
    ["ATTEMPT_TIMEOUT", undefined],
    ["UPSTREAM_STATUS", "retryable"],
    ["UPSTREAM_STATUS", "throttled"],
  ])("takes up %s (%s)", async (code, verdict) => {
    const { clock, redelivery, step } = setUp();
    const running = redelivery.run(step(failure(code, { ...(verdict && { verdict }) })));
    await clock.advance(250);
    expect(await running).toBe("done");
  });

  it.each<[string, unknown]>([
    ["a refusal", failure("UPSTREAM_STATUS")],
    ["a wrong input", failure("INVALID_INPUT")],
    ["a wrong answer", failure("INVALID_OUTPUT")],
    ["a missing right", failure("FORBIDDEN")],
    ["an abort", failure("ABORTED")],
    ["the end of the client", failure("CLOSED")],
    ["a switched-off feature", failure("FEATURE_DISABLED")],
    ["a budget that returns tomorrow", failure("BUDGET_EXHAUSTED", { retryAfterMs: 8 * 3_600_000 })],
    ["an error that is not ours", new TypeError("x is not a function")],
    ["a value", "no"],
  ])("leaves %s alone", async (_, error) => {
    const { clock, redelivery, deliveredAt, step } = setUp();
    await expect(redelivery.run(step(error))).rejects.toBe(error);
    expect(deliveredAt).toEqual([0]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("waits as long as the service asks for", async () => {
    const { clock, redelivery, deliveredAt, step } = setUp();
    const running = redelivery.run(step(failure("RATE_LIMITED", { retryAfterMs: 30_000 })));
    await clock.advance(30_000);
    expect(await running).toBe("done");
    expect(deliveredAt).toEqual([0, 30_000]);
  });

  it("ends a wait at once when the signal fires, and leaves no timer", async () => {
    const { clock, redelivery, deliveredAt, step } = setUp();
    const stop = new AbortController();
    const running = redelivery.run(step(failure("CIRCUIT_OPEN")), stop.signal);
    await clock.advance(100);
    stop.abort();
    await expect(running).rejects.toMatchObject({ name: "IntegrationError", code: "ABORTED" });
    expect(deliveredAt).toEqual([0]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("gives the step's own error when the signal fired during the step", async () => {
    const { redelivery, step } = setUp();
    const error = failure("NETWORK");
    await expect(redelivery.run(step(error), AbortSignal.abort())).rejects.toBe(error);
  });

  it("delivers nothing past the deadline of the request it belongs to, and does not wait for it either", async () => {
    const { clock, scopes, redelivery, deliveredAt, step } = setUp();
    const error = failure("DEADLINE_EXCEEDED");
    const running = scopes.run({ deadlineAt: 1_000 }, () => redelivery.run(step(...forever(error))));
    const ended = expect(running).rejects.toBe(error);
    await clock.advance(750);
    await ended;
    expect(deliveredAt).toEqual([0, 250, 750]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("ends with the request it belongs to", async () => {
    const { clock, scopes, redelivery, step } = setUp();
    const stop = new AbortController();
    const running = scopes.run({ signal: stop.signal }, () => redelivery.run(step(failure("CIRCUIT_OPEN"))));
    await clock.advance(10);
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: "ABORTED" });
    expect(clock.pendingTimers).toBe(0);
  });
});
