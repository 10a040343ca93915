import { getEventListeners } from "node:events";
import { EventBus, IntegrationError, type Random } from "enhanced-integration";
import { createPipeline, type Pipeline, RateLimiter } from "enhanced-integration/resilience";
import { ManualClock, seededRandom } from "enhanced-integration/testing";
import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { textTable } from "../../support/text-table.ts";

/** Calls that crowd each other at a time. */
const CROWD = 25;
/** A call's way through the rooms takes a few dozen turns of the promise queue; an abort falls between any two. */
const MOST_HOPS = 60;
const SERVICE = { permits: 3, queue: 8 };
const PROCESS = { max: 5, queue: 10 };

interface Left {
  permits: number;
  timers: number;
  listeners: number;
  calls: number;
}

/**
 * Calls that wait for turns, permits, attempts and backoffs, each of them aborted between two random awaits, until so
 * many were ended by it (some end by themselves first). When all is over nothing may be left of them.
 */
export async function aborts(count: Count): Promise<Figure[]> {
  const left: Left = { permits: 0, timers: 0, listeners: 0, calls: 0 };
  const ends = new Map<string, number>();
  for (let seed = 1; (ends.get("ABORTED") ?? 0) < count.run; seed += 1) await abortCrowd(CROWD, seed, left, ends);
  const rows = [...ends].sort(([, a], [, b]) => b - a).map(([end, calls]) => [end, calls.toLocaleString("en-US")]);
  console.log(textTable(["how the calls ended", "calls"], rows));
  const note = `after ${counted(ends.get("ABORTED") ?? 0, count, "aborts")}`;
  return [
    { name: "permits left", value: left.permits, unit: "", atMost: 0, note },
    { name: "timers left", value: left.timers, unit: "", atMost: 0 },
    { name: "listeners left", value: left.listeners, unit: "", atMost: 0 },
    { name: "calls and waiters left", value: left.calls, unit: "", atMost: 0 },
  ];
}

async function abortCrowd(crowd: number, seed: number, left: Left, ends: Map<string, number>): Promise<void> {
  const random = seededRandom(seed);
  const clock = new ManualClock();
  const events = new EventBus();
  const limiter = new RateLimiter({
    clock,
    events,
    limits: { quota: { requests: 20, windowMs: 1_000, burst: 3 } },
    maxWaiters: 10,
  });
  const pipeline = createPipeline({
    clock,
    events,
    limiter,
    random,
    maxConcurrent: PROCESS,
    services: { maps: { concurrency: { max: SERVICE.permits, queue: SERVICE.queue }, breaker: { breakMs: 100 } } },
  });
  const signals: AbortSignal[] = [];
  const settled = Array.from({ length: crowd }, async () => {
    const controller = new AbortController();
    signals.push(controller.signal);
    const hops = Math.floor(random.next() * MOST_HOPS);
    const afterMs = random.next() < 0.5 ? 0 : random.next() * 300;
    const outcome = call(pipeline, random, controller.signal).then(
      () => "answered",
      (error: unknown) => (IntegrationError.isInstance(error) ? error.code : `not ours: ${String(error)}`),
    );
    const late = clock.setTimer(() => controller.abort(), afterMs);
    if (afterMs === 0) {
      late.cancel();
      for (let hop = 0; hop < hops; hop += 1) await Promise.resolve();
      controller.abort();
    }
    const end = await outcome;
    ends.set(end, (ends.get(end) ?? 0) + 1);
  });
  for (let turn = 0; turn < 40; turn += 1) await clock.advance(random.next() * 50);
  await clock.advance(60_000);
  await Promise.all(settled);

  left.timers += clock.pendingTimers;
  left.calls += pipeline.inFlight + limiter.waiting;
  for (const signal of signals) left.listeners += getEventListeners(signal, "abort").length;
  left.permits += await permitsMissing(pipeline, clock);
}

/** One call whose attempt answers, waits, fails, is throttled or never answers, as chance has it. */
function call(pipeline: Pipeline, random: Random, signal: AbortSignal): Promise<unknown> {
  const limit = { name: "quota", key: "key", wait: random.next() < 0.7 };
  const charged = random.next() < 0.6;
  const spec = { service: "maps", operation: "lookup", idempotent: true, signal, ...(charged && { limit }) };
  return pipeline.run(spec, async () => {
    const kind = random.next();
    if (kind < 0.2) return "at once";
    if (kind < 0.4) throw new IntegrationError({ code: "NETWORK", message: "reset" });
    if (kind < 0.5)
      throw new IntegrationError({ code: "UPSTREAM_STATUS", message: "busy", verdict: "throttled", retryAfterMs: 30 });
    if (kind < 0.65) return new Promise(() => undefined);
    for (let hop = random.next() * 20; hop > 0; hop -= 1) await Promise.resolve();
    return "soon";
  });
}

/** Every permit is back if as many calls as there are permits run side by side. */
async function permitsMissing(pipeline: Pipeline, clock: ManualClock): Promise<number> {
  pipeline.breaker("maps")?.close();
  let inside = 0;
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const spec = { service: "maps", operation: "lookup" };
  const calls = Array.from({ length: SERVICE.permits }, () => pipeline.run(spec, () => ((inside += 1), gate)));
  const other = { service: "other", operation: "lookup" };
  const rest = PROCESS.max - SERVICE.permits;
  calls.push(...Array.from({ length: rest }, () => pipeline.run(other, () => ((inside += 1), gate))));
  await clock.advance(0);
  const missing = PROCESS.max - inside;
  release();
  await Promise.allSettled(calls);
  await clock.advance(1_000);
  return missing;
}
