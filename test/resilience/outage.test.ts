import { describe, expect, it } from "vitest";
import { createPipeline, EnhancedErrorHandler, RetryBudget } from "../../src/resilience/index.ts";
import { ManualClock, seededRandom } from "../../src/testing/index.ts";
import { idempotent, reset } from "./helpers.ts";

const CALLS = 10_000;

/** Sends `CALLS` calls in rounds of a hundred to a service that fails so often; counts what reaches it. */
async function amplification(
  failureShare: number,
  breaker: false | object,
): Promise<{ perCall: number; succeeded: number }> {
  const clock = new ManualClock();
  const chance = seededRandom(42);
  const pipeline = createPipeline({ clock, random: seededRandom(1), services: { maps: { breaker } } });
  let requests = 0;
  let succeeded = 0;
  const attempt = async () => {
    requests += 1;
    if (chance.next() < failureShare) throw reset();
  };
  const settled: Promise<void>[] = [];
  for (let round = 0; round < CALLS / 100; round += 1) {
    for (let call = 0; call < 100; call += 1)
      settled.push(
        pipeline.run(idempotent, attempt).then(
          () => void (succeeded += 1),
          () => undefined,
        ),
      );
    await clock.advance(1_000);
  }
  await clock.advance(60_000);
  await Promise.all(settled);
  return { perCall: requests / CALLS, succeeded };
}

describe("10,000 calls to a failing service", () => {
  it("send at most 1.10 requests per call in a full outage, by the budget alone", async () => {
    const { perCall } = await amplification(1, false);
    expect(perCall).toBeLessThanOrEqual(1.1);
    expect(perCall).toBeGreaterThanOrEqual(1);
  });

  it("send hardly any once the breaker is open", async () => {
    expect((await amplification(1, {})).perCall).toBeLessThan(0.05);
  });

  it("send at most 1.25 per call when half of them fail", async () => {
    expect((await amplification(0.5, false)).perCall).toBeLessThanOrEqual(1.25);
  });

  it("send at most 1.12 per call when a tenth fails, and nearly all succeed", async () => {
    const { perCall, succeeded } = await amplification(0.1, false);
    expect(perCall).toBeLessThanOrEqual(1.12);
    expect(succeeded).toBeGreaterThan(CALLS * 0.995);
  });

  it("send at most 1.10 per call through an error handler with a budget", async () => {
    const clock = new ManualClock();
    const handler = new EnhancedErrorHandler({ clock, random: seededRandom(3), budget: new RetryBudget() });
    let requests = 0;
    const settled = Array.from({ length: CALLS }, () =>
      handler.handleWithRetry(() => ((requests += 1), Promise.reject(reset())), "maps.lookup").catch(() => undefined),
    );
    await clock.advance(60_000);
    await Promise.all(settled);
    expect(requests / CALLS).toBeLessThanOrEqual(1.1);
  });
});
