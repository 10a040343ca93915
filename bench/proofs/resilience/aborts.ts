import { getEventListeners } from "node:events";
import { CallScopes, EventBus, IntegrationError, type Random } from "enhanced-integration";
import { createPipeline, type Pipeline, RateLimiter } from "enhanced-integration/resilience";
import { ManualClock, seededRandom } from "enhanced-integration/testing";
import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { textTable } from "../../support/text-table.ts";

/** Calls that crowd each other at a time. */
const CROWD = 25;
/** A call's way through the rooms takes a few dozen turns of the promise queue; an abort falls between any two. */
const MOST_HOPS = 60;
const LATEST_MS = 300;
/** A pipeline looks this long after its last call whether another one has come. */
const TICK_MS = 100;
/** Every call is aborted within {@link LATEST_MS}, and an abort ends it at once; this is a hundred times as long. */
const SETTLED_WITHIN_MS = 30_000;
/** How long a call that looks for a missing permit waits for it. */
const PROBE_MS = 1_000;
const SERVICE = { permits: 3, queue: 8 };
const PROCESS = { max: 5, queue: 10 };

const dropPolicies = ["reject-newest", "drop-oldest", "drop-lowest-priority"] as const;

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
  const scopes = new CallScopes();
  const pipeline = createPipeline({
    clock,
    events,
    scopes,
    limiter,
    random,
    maxConcurrent: PROCESS,
    services: {
      maps: {
        concurrency: { max: SERVICE.permits, queue: SERVICE.queue, drop: pick(random, dropPolicies), maxWaitMs: 200 },
        breaker: { breakMs: 100 },
        hedge: random.next() < 0.5 && { afterMs: 20 },
      },
    },
  });
  // What a host's request gives its calls: it outlives them, so whatever they leave on it stays.
  const request = new AbortController();
  let unsettled = crowd;
  const oneCall = async () => {
    const controller = new AbortController();
    let over = false;
    const end = call(pipeline, random, controller.signal)
      .then(
        () => "answered",
        (error: unknown) => (IntegrationError.isInstance(error) ? error.code : `not ours: ${String(error)}`),
      )
      .finally(() => (over = true));
    await someMoment(random, clock, end);
    if (!over) controller.abort();
    const name = await end;
    ends.set(name, (ends.get(name) ?? 0) + 1);
    // A signal that has fired drops its listeners by itself; one that has not shows who forgot to.
    left.listeners += getEventListeners(controller.signal, "abort").length;
    unsettled -= 1;
  };
  const calls = scopes.run({ signal: request.signal }, () => Array.from({ length: crowd }, oneCall));
  const lastMs = clock.now() + SETTLED_WITHIN_MS;
  while (unsettled > 0) {
    if (clock.now() > lastMs) throw new Error(stuck(unsettled, seed, pipeline, limiter));
    await clock.advance(random.next() * 50);
  }
  await Promise.all(calls);
  await clock.advance(TICK_MS);

  left.timers += clock.pendingTimers;
  left.calls += pipeline.inFlight + limiter.waiting;
  left.listeners += getEventListeners(request.signal, "abort").length;
  left.permits += await permitsMissing(pipeline, clock);
}

/** Where those are who should have ended long ago: that is what must be mended. */
function stuck(unsettled: number, seed: number, pipeline: Pipeline, limiter: RateLimiter): string {
  const { inFlight, waiting, max } = pipeline.concurrency("maps");
  return (
    `${unsettled} calls of seed ${seed} have not ended ${SETTLED_WITHIN_MS} ms after the last of them was aborted: ` +
    `${limiter.waiting} wait at the limiter; of "maps" ${inFlight} of ${max} permits are taken and ${waiting} wait in line; ` +
    `the pipeline counts ${pipeline.inFlight} calls in flight`
  );
}

/** Between two turns of the promise queue, or some time later; not after the call's own end. */
async function someMoment(random: Random, clock: ManualClock, end: Promise<unknown>): Promise<void> {
  if (random.next() < 0.5) {
    for (let hops = random.next() * MOST_HOPS; hops > 0; hops -= 1) await Promise.resolve();
    return;
  }
  let timer: { cancel(): void } | undefined;
  const later = new Promise<void>((resolve) => (timer = clock.setTimer(resolve, random.next() * LATEST_MS)));
  await Promise.race([end, later]);
  timer?.cancel();
}

/** One call, of a single answer or of a stream. */
async function call(pipeline: Pipeline, random: Random, signal: AbortSignal): Promise<unknown> {
  const limit = { name: "quota", key: pick(random, ["one", "other"]), wait: random.next() < 0.7 };
  const charged = random.next() < 0.6;
  const priority = pick(random, ["high", "normal", "low"] as const);
  const spec = { service: "maps", operation: "lookup", idempotent: true, signal, priority, ...(charged && { limit }) };
  if (random.next() < 0.7) return pipeline.run(spec, () => act(random));
  for await (const item of pipeline.stream(spec, () => items(random))) if (item === "enough") break;
  return "streamed";
}

/** Answers at once or after a while, fails, is throttled or never answers, as chance has it. */
async function act(random: Random): Promise<string> {
  const kind = random.next();
  if (kind < 0.2) return "at once";
  if (kind < 0.4) throw new IntegrationError({ code: "NETWORK", message: "reset" });
  if (kind < 0.5)
    throw new IntegrationError({ code: "UPSTREAM_STATUS", message: "busy", verdict: "throttled", retryAfterMs: 30 });
  if (kind < 0.65) return new Promise(() => undefined);
  for (let hop = random.next() * 20; hop > 0; hop -= 1) await Promise.resolve();
  return random.next() < 0.2 ? "enough" : "soon";
}

async function* items(random: Random): AsyncGenerator<string> {
  for (let left = random.next() * 5; left > 0; left -= 1) yield act(random);
}

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[Math.floor(random.next() * choices.length)] as T;
}

/** Every permit is back if as many calls as there are permits run side by side. */
async function permitsMissing(pipeline: Pipeline, clock: ManualClock): Promise<number> {
  pipeline.breaker("maps")?.close();
  let inside = 0;
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  // One whose permit never comes ends by its deadline: what is missing is then counted, instead of waited for.
  const spec = { service: "maps", operation: "lookup", deadlineMs: PROBE_MS };
  const calls = Array.from({ length: SERVICE.permits }, () => pipeline.run(spec, () => ((inside += 1), gate)));
  const other = { ...spec, service: "other" };
  const rest = PROCESS.max - SERVICE.permits;
  calls.push(...Array.from({ length: rest }, () => pipeline.run(other, () => ((inside += 1), gate))));
  await clock.advance(0);
  const missing = PROCESS.max - inside;
  release();
  const ended = Promise.allSettled(calls);
  await clock.advance(2 * PROBE_MS);
  await ended;
  return missing;
}
