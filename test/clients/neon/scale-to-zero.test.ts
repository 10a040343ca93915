import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { EventBus, LinkedSignal } from "../../../src/core/index.ts";
import { ManualClock, seededRandom } from "../../../src/testing/index.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startWireProxy } from "./support/wire-proxy.ts";

const TERMINATE = "X".charCodeAt(0);
const MINUTE = 60_000;
const SUSPEND_AFTER_MS = 5 * MINUTE;

let database: TestDatabase;
beforeAll(async () => void (database = await createDatabase()));
afterAll(() => database.drop());

/** A compute that sleeps after five idle minutes of the virtual clock: a sleeping one has lost its connections. */
async function sleepyCompute(clock: ManualClock) {
  const { hostname, port } = new URL(database.connectionString);
  const seen = { wakeUps: 0, awakeMs: 0, statements: 0 };
  let lastAt = -Infinity;
  const proxy = await startWireProxy({ host: hostname, port: Number(port) }, (bytes) => {
    if (bytes[0] === TERMINATE) return; // a farewell keeps nobody awake
    const now = clock.now();
    seen.statements += 1;
    if (now - lastAt >= SUSPEND_AFTER_MS) {
      seen.wakeUps += 1;
      seen.awakeMs += SUSPEND_AFTER_MS;
    } else seen.awakeMs += now - lastAt;
    lastAt = now;
  });
  return {
    seen,
    proxy,
    suspendIfIdle: () => (clock.now() - lastAt >= SUSPEND_AFTER_MS ? proxy.cut() : undefined),
  };
}

describe("a day with a compute that sleeps when it is idle", () => {
  it("has no wake-up caused by us, and no more time awake than its bursts and the five minutes after each", async () => {
    const clock = new ManualClock();
    const random = seededRandom(20);
    const compute = await sleepyCompute(clock);
    const url = new URL(database.connectionString);
    url.port = String(compute.proxy.port);
    const events = new EventBus();
    let metricMs = 0;
    events.on("pool.awake_extended", ({ awakeMs }) => (metricMs += awakeMs));
    const pools = new ConnectionPoolManager({ connectionString: url.toString(), clock, random, events, max: 4 });

    const bursts = Array.from({ length: 12 }, (_, hour) => (2 * hour + random.next()) * 60 * MINUTE);
    const burstMs = 4 * MINUTE;
    let usedMs = 0;
    let checks = 0;
    for (let at = 0; at < 24 * 60 * MINUTE; at += MINUTE / 2) {
      await clock.advance(MINUTE / 2);
      compute.suspendIfIdle();
      const now = clock.now();
      if (bursts.some((start) => now >= start && now < start + burstMs)) {
        await pools.pool.query("select 1");
        usedMs += MINUTE / 2;
      }
      await new Promise((resolve) => setImmediate(resolve)); // what the system has to say
      if (checks > 0 || usedMs > 0) {
        checks += 1;
        expect(await pools.health()).toMatchObject({ source: "traffic" });
      }
    }
    expect(checks).toBeGreaterThan(2_700);
    const { awake } = pools.stats();
    expect(awake.wakeUps).toEqual({ call: bursts.length, wake: 0, probe: 0 });
    expect(compute.seen.wakeUps).toBe(bursts.length);
    const allowedMs = usedMs + bursts.length * SUSPEND_AFTER_MS;
    expect(compute.seen.awakeMs).toBeLessThanOrEqual(allowedMs);
    expect(awake.awakeMs).toBeLessThanOrEqual(allowedMs);
    expect(awake.awakeMs).toBeGreaterThanOrEqual(compute.seen.awakeMs);
    await pools.close();
    expect(metricMs).toBeCloseTo(pools.stats().awake.awakeMs);
    await compute.proxy.close();
  }, 30_000);
});

describe("wake", () => {
  it("is one statement for all who ask at once, and tells whether the compute slept", async () => {
    const clock = new ManualClock();
    const pools = new ConnectionPoolManager({ connectionString: database.connectionString, clock });
    const [first, second] = await Promise.all([pools.wake(), pools.wake()]);
    expect(second).toBe(first);
    expect(first).toEqual({ durationMs: 0, wasAsleep: true });
    expect(await pools.wake()).toMatchObject({ wasAsleep: false });
    await clock.advance(SUSPEND_AFTER_MS);
    expect(await pools.wake()).toMatchObject({ wasAsleep: true });
    expect(pools.stats()).toMatchObject({ created: 2, awake: { wakeUps: { wake: 2 }, awakeMs: 2 * SUSPEND_AFTER_MS } });
    const left = new LinkedSignal();
    left.abort(new Error("gone"));
    await expect(pools.wake(left.signal)).rejects.toThrow("gone");
    await pools.close();
  });

  it("counts by suspendAfterMs", async () => {
    const clock = new ManualClock();
    const pools = new ConnectionPoolManager({
      connectionString: database.connectionString,
      clock,
      suspendAfterMs: 60_000,
    });
    await pools.wake();
    expect(pools.stats().awake.awakeMs).toBe(60_000);
    await pools.close();
  });
});
