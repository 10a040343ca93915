import { setTimeout as sleep } from "node:timers/promises";
import { RateLimiter, RedisLimitStore } from "enhanced-integration/resilience";
import { RateLimiterRedis } from "rate-limiter-flexible";
import { type BenchCase, type Effort, measure } from "../support/measure.ts";
import { RedisServer } from "../support/redis-server.ts";
import { type Figure } from "../support/report.ts";
import { textTable } from "../support/text-table.ts";

const IN_FLIGHT = 64;
const LEASE_SIZE = 50;
const WIDE = 1_000_000_000;
const KEYS = Array.from({ length: 100 }, (_, index) => `user-${index}`);
const keyOf = (index: number) => KEYS[index % KEYS.length] as string;
/** A round trip must not be cut off by a machine that is busy with something else. */
const PATIENCE_MS = 5_000;

/** Decisions a second with 64 callers waiting, all on one client that sends the writes of a tick together. */
export async function redisLimiter({ rounds, sliceMs }: Effort): Promise<Figure[]> {
  await using server = await RedisServer.start();
  const client = server.client({ autoPipelining: true });
  const limits = { wide: { requests: WIDE, windowMs: 1_000 } };
  const oursOn = (prefix: string, leaseSize: number) => {
    const options = { client, prefix, leaseSize, decisionTimeoutMs: PATIENCE_MS, whenDown: "closed" } as const;
    return new RateLimiter({ store: new RedisLimitStore(options), limits });
  };
  const exact = oursOn("bench:exact:", 1);
  const leased = oursOn("bench:leased:", LEASE_SIZE);
  const flexible = new RateLimiterRedis({ storeClient: client, keyPrefix: "bench-rlf", points: WIDE, duration: 60 });
  const allowed = async (limiter: RateLimiter, index: number) => {
    const decision = await limiter.checkAsync("wide", keyOf(index));
    if (!decision.allowed || decision.degraded) throw new Error("every decision must be an allow, and Redis's own");
  };

  const ours = "ours: exact";
  const ourLeased = `ours: ${LEASE_SIZE} tokens leased per trip`;
  const peer = "rate-limiter-flexible";
  const cases: BenchCase[] = [
    {
      name: "a bare INCR",
      run: (index) => client.incr(`bench:incr:${keyOf(index)}`),
      inFlight: IN_FLIGHT,
    },
    { name: peer, run: (index) => flexible.consume(keyOf(index)), inFlight: IN_FLIGHT },
    { name: ours, run: (index) => allowed(exact, index), inFlight: IN_FLIGHT },
    { name: ourLeased, run: (index) => allowed(leased, index), inFlight: IN_FLIGHT },
  ];
  const timings = await measure(cases, { rounds, sliceMs: 4 * sliceMs });
  const perSecond = (ns: number) => Math.round(1e9 / ns).toLocaleString("en-US");
  const rows = timings.names.map((name) => [
    name,
    perSecond(timings.medianNs(name)),
    perSecond(timings.bestNs(name)),
    `${Number((1 / timings.ratio(name, peer)).toPrecision(3))} ×`,
  ]);
  console.log(textTable(["64 in flight", "decisions/s", "best", `against ${peer}`], rows));

  return [
    { name: `${ours} / ${peer}, decisions a second`, value: timings.ratio(peer, ours), unit: "×", atLeast: 0.95 },
    { name: `${ourLeased} / ${peer}`, value: timings.ratio(peer, ourLeased), unit: "×", atLeast: 10 },
    ...(await overshoot(server)),
  ];
}

const PROCESSES = 4;
const FLEET_LIMIT = { requests: 2_000, windowMs: 1_000, burst: 400 };
const FLEET_MS = 1_500;
/** Long enough for the bucket in Redis to be full again, short enough for the leases to be alive. */
const LULL_MS = 300;

/**
 * What a fleet that leases admits above its limit in the worst of all intervals, when it does its worst: everybody
 * fetches a lease, spends one token of it, waits until the bucket is full again, and then asks all the time.
 */
async function overshoot(server: RedisServer): Promise<Figure[]> {
  const admittedAt: number[] = [];
  const startedAt = performance.now();
  const process = async () => {
    const client = server.client({ autoPipelining: true });
    const options = { leaseSize: LEASE_SIZE, decisionTimeoutMs: PATIENCE_MS, whenDown: "closed" } as const;
    const store = new RedisLimitStore({ client, prefix: "bench:fleet:", share: 1 / PROCESSES, ...options });
    const limits = new RateLimiter({ store, limits: { fleet: FLEET_LIMIT } });
    const ask = async () => {
      const { allowed, retryAfterMs } = await limits.checkAsync("fleet", "everybody");
      if (allowed) admittedAt.push(performance.now());
      else await sleep(retryAfterMs);
    };
    await ask();
    await sleep(LULL_MS);
    while (performance.now() - startedAt < FLEET_MS) await ask();
  };
  await Promise.all(Array.from({ length: PROCESSES }, process));
  const { requests, windowMs, burst } = FLEET_LIMIT;
  let least = Infinity;
  let worst = 0;
  for (const [index, at] of admittedAt.toSorted((a, b) => a - b).entries()) {
    const refilled = (at * requests) / windowMs;
    least = Math.min(least, index - refilled);
    worst = Math.max(worst, index + 1 - refilled - least - burst);
  }
  return [
    {
      name: `leases, ${PROCESSES} processes: tokens above burst + rate × t in the worst interval`,
      value: Math.max(0, Math.ceil(worst)),
      unit: "tokens",
      atMost: PROCESSES * LEASE_SIZE,
      note: `${admittedAt.length.toLocaleString("en-US")} admitted in ${FLEET_MS} ms; stated bound: lease × processes`,
    },
  ];
}
