import { describe, expect, it } from "vitest";
import { createPipeline } from "../../src/resilience/index.ts";
import { type AdaptiveRule } from "../../src/resilience/concurrency-limit.ts";
import { ManualClock, seededRandom } from "../../src/testing/index.ts";
import { failure } from "./helpers.ts";

/**
 * A server of `capacity` workers: what exceeds them waits in its queue, or is refused with 503 where it has none. Calls
 * keep coming, more than it bears, unless `callers` says otherwise.
 */
async function simulate(
  adaptive: AdaptiveRule,
  server: { capacity: number; serviceMs: number; queue: boolean },
  { callers = 200, seconds = 60, changeTo = server.capacity } = {},
) {
  const clock = new ManualClock();
  const chance = seededRandom(7);
  const concurrency = { max: 100, min: 1, adaptive, queue: 1_000 };
  const pipeline = createPipeline({
    clock,
    services: { maps: { concurrency, breaker: false, maxAttempts: 1, deadlineMs: 60_000, attemptTimeoutMs: 5_000 } },
  });
  let { capacity } = server;
  let busy = 0;
  const waiting: (() => void)[] = [];
  const serve = async () => {
    if (busy >= capacity) {
      if (!server.queue) throw failure("UPSTREAM_STATUS", { status: 503, verdict: "retryable" });
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    busy += 1;
    const ms = server.serviceMs * (0.8 + 0.4 * chance.next());
    await new Promise<void>((resolve) => clock.setTimer(resolve, ms));
    busy -= 1;
    while (busy + 0 < capacity && waiting.length > 0) {
      waiting.shift()?.();
      break;
    }
  };
  let stopped = false;
  const caller = async () => {
    while (!stopped) {
      await pipeline.run({ service: "maps", operation: "o", idempotent: true }, serve).catch(() => undefined);
      await new Promise<void>((resolve) => clock.setTimer(resolve, 1));
    }
  };
  const callersDone = Array.from({ length: callers }, caller);
  const seen: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    if (second === seconds / 2) capacity = changeTo;
    await clock.advance(1_000);
    seen.push(pipeline.concurrency("maps").max);
  }
  stopped = true;
  await clock.advance(120_000);
  await Promise.all(callersDone);
  expect(pipeline.concurrency("maps")).toMatchObject({ inFlight: 0, waiting: 0 });
  const half = (from: number, to: number) => {
    const part = seen.slice(from, to).sort((a, b) => a - b);
    return part[part.length >> 1] as number;
  };
  return { before: half(seconds / 4, seconds / 2), after: half((3 * seconds) / 4, seconds), seen };
}

describe("an adaptive limit", () => {
  it("by refusals finds what a server without a queue bears", async () => {
    const { before } = await simulate("aimd", { capacity: 30, serviceMs: 100, queue: false });
    expect(before).toBeGreaterThanOrEqual(24);
    expect(before).toBeLessThanOrEqual(33);
  });

  it("by refusals follows a server that bears less, and one that bears more", async () => {
    const less = await simulate("aimd", { capacity: 40, serviceMs: 100, queue: false }, { changeTo: 10 });
    expect(less.after).toBeLessThanOrEqual(13);
    const more = await simulate("aimd", { capacity: 10, serviceMs: 100, queue: false }, { changeTo: 40 });
    expect(more.after).toBeGreaterThanOrEqual(30);
  });

  it("by latency keeps a server's queue short", async () => {
    const { before, after } = await simulate("gradient", { capacity: 20, serviceMs: 50, queue: true });
    for (const limit of [before, after]) {
      expect(limit).toBeGreaterThanOrEqual(18);
      expect(limit).toBeLessThanOrEqual(36);
    }
  });

  it("by latency follows a server that bears less", async () => {
    const server = { capacity: 40, serviceMs: 50, queue: true };
    const { before, after } = await simulate("gradient", server, { changeTo: 10, seconds: 80 });
    expect(before).toBeGreaterThanOrEqual(36);
    expect(after).toBeLessThanOrEqual(22);
  });

  it("learns nothing while it is not used up", async () => {
    for (const rule of ["aimd", "gradient"] as const) {
      const { after } = await simulate(
        rule,
        { capacity: 50, serviceMs: 100, queue: true },
        { callers: 3, seconds: 20 },
      );
      expect(after).toBe(10);
    }
  });

  it("stays within its bounds", async () => {
    const clock = new ManualClock();
    const concurrency = { max: 12, min: 4, adaptive: "aimd" as const };
    const pipeline = createPipeline({ clock, services: { maps: { concurrency, breaker: false, maxAttempts: 1 } } });
    const spec = { service: "maps", operation: "o", idempotent: true };
    const all = async (work: () => Promise<void>) => {
      for (let round = 0; round < 50; round += 1) {
        const calls = Array.from({ length: 20 }, () => pipeline.run(spec, work).catch(() => undefined));
        await clock.advance(5);
        await Promise.all(calls);
      }
    };
    await all(() => new Promise((resolve) => clock.setTimer(resolve, 1)));
    expect(pipeline.concurrency("maps").max).toBe(12);
    await all(() => Promise.reject(failure("UPSTREAM_STATUS", { status: 429, verdict: "throttled" })));
    expect(pipeline.concurrency("maps").max).toBe(4);
  });
});
