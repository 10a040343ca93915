import { createServer } from "node:http";
import { once } from "node:events";
import { type AddressInfo } from "node:net";
import express from "express";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { opsRouter } from "../../src/hosts/express/index.ts";
import { createIntegration, type Integration } from "../../src/index.ts";
import { type LocalStack, type StandInName, startLocalStack } from "../../src/local/index.ts";
import { serve, type Served } from "../hosts/support.ts";
import { openDoor } from "../support/door.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { LeapingClock, leapingRedis } from "../support/leaping-clock.ts";
import { startRedis } from "../support/redis.ts";

/** Neither database nor users, and models out of reach. */
const bare = {
  ...Object.fromEntries(
    [
      ...["PERSISTENT_STORAGE", "VECTOR_SEARCH", "SEMANTIC_SEARCH", "MARKET_MONITORING"],
      ...["REALTIME_COLLABORATION", "USER_AUTHENTICATION", "FILE_STORAGE", "WEBHOOKS"],
    ].map((feature) => [`ENABLE_${feature}`, "false"]),
  ),
  OLLAMA_BASE_URL: "http://127.0.0.1:9",
  METRICS_PORT: "0",
  LOG_LEVEL: "silent",
};

const services: readonly StandInName[] = ["neon", "neon-api", "supabase", "tinyfish", "ollama"];

describe("on the local stack", () => {
  let stack: LocalStack;
  /** Nothing that is done by the clock, as asking for a lost database, is done meanwhile. */
  let clock: ManualClock;
  let integration: Integration;
  let host: Served;

  beforeAll(async () => {
    stack = await startLocalStack({ houses: [] });
    clock = new ManualClock();
    const policies = { neon: { maxAttempts: 1 } };
    integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" }, { clock, policies });
    host = await serve(express().use("/ops", opsRouter(integration)));
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    await integration.close({ timeoutMs: 1 });
    await stack.close();
  });
  beforeEach(async () => {
    stack.faults.clear();
    await clock.advance(10_000);
  });

  const asked = () => services.reduce((sum, service) => sum + stack.faults.requests(service), 0);
  const probe = async (path: string) => {
    const response = await fetch(`${host.url}/ops/${path}`);
    return `${response.status} ${await response.text()}`;
  };
  const alive = '200 {"status":"up"}';
  /** What a thousand questions were answered. */
  const thousand = async () => {
    const answers = new Set<string>();
    for (let round = 0; round < 20; round += 1)
      for (const answer of await Promise.all(Array.from({ length: 50 }, () => probe("live")))) answers.add(answer);
    return [...answers];
  };

  describe("liveness", () => {
    it("asks nobody, a thousand times", async () => {
      await integration.health();
      // What it found is too old to be told again.
      await clock.advance(10_000);
      const before = asked();
      expect(before).toBeGreaterThanOrEqual(4);
      expect(await thousand()).toEqual([alive]);
      expect(asked()).toBe(before);
    });

    it("nor while every service is down", async () => {
      for (const service of services) stack.faults.inject(service, { kind: "reset" }, { times: Infinity });
      await integration.neon.query`select 1`.catch(() => undefined);
      const before = asked();
      expect(await thousand()).toEqual([alive]);
      expect(asked()).toBe(before);
      expect(await probe("ready")).toBe('503 {"status":"down"}');
      expect(asked()).toBeGreaterThan(before);
    });

    it("nor while a question about readiness hangs, which ends with its deadline", async () => {
      await expect.poll(() => integration.neon.query`select 1`).toHaveLength(1);
      for (const service of services) stack.faults.inject(service, { kind: "stall" }, { times: Infinity });
      const before = asked();
      const ready = probe("ready");
      // Supabase's auth and storage; the database is known by its traffic.
      const hanging = before + 2;
      await expect.poll(asked).toBe(hanging);
      expect(await thousand()).toEqual([alive]);
      expect(asked()).toBe(hanging);
      await clock.advance(3_000);
      expect(await ready).toBe('503 {"status":"down"}');
    });
  });

  it("readiness asks a service that hangs once, however many ask for it", async () => {
    stack.faults.inject("supabase", { kind: "stall" }, { times: Infinity });
    const before = stack.faults.requests("supabase");
    const answers = Promise.all(Array.from({ length: 30 }, () => probe("ready")));
    // One for auth, one for storage.
    await expect.poll(() => stack.faults.requests("supabase")).toBe(before + 2);
    await clock.advance(3_000);
    expect(new Set(await answers)).toEqual(new Set(['503 {"status":"down"}']));
    expect(stack.faults.requests("supabase")).toBe(before + 2);
  });

  it("the check of Supabase names the part that is down, and counts what is used alone", async () => {
    stack.faults.inject("supabase", { kind: "reset" }, { times: Infinity, match: /\/auth\// });
    expect((await integration.health()).checks["supabase"]).toMatchObject({
      status: "degraded",
      message: expect.stringMatching(/^auth: [^;]*$/),
    });
    const env = { ...stack.env, LOG_LEVEL: "silent" };
    await using withoutFiles = createIntegration({ ...env, ENABLE_FILE_STORAGE: "false" });
    expect((await withoutFiles.health()).checks["supabase"]?.status).toBe("down");
    await using withoutUsers = createIntegration({ ...env, ENABLE_USER_AUTHENTICATION: "false" });
    expect((await withoutUsers.health()).checks["supabase"]?.status).toBe("up");
  });
});

it("the check of TinyFish says what is wrong", async () => {
  const server = createServer((_request, response) =>
    response.writeHead(200, { "content-type": "application/json" }).end('{"available_balance":"0.00"}'),
  ).listen(0, "127.0.0.1");
  await once(server, "listening");
  await using integration = createIntegration({
    ...bare,
    TINYFISH_API_KEY: "sk-mino-a-key-of-a-test",
    TINYFISH_API_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  expect((await integration.health()).checks["tinyfish"]).toMatchObject({
    status: "degraded",
    message: "the wallet is empty",
  });
  server.close();
});

it("the check of Redis is there where Redis is, tells when it is away, and takes nobody down", async () => {
  const redis = await startRedis();
  const door = await openDoor(redis.port);
  const clock = new LeapingClock();
  const client = await redis.client({ port: door.port, maxRetriesPerRequest: 1, retryStrategy: () => 10 });
  const nodeClient = await redis.nodeClient();
  {
    await using integration = createIntegration(bare, { clock, redis: leapingRedis(client, clock) });
    await using other = createIntegration(bare, { redis: nodeClient });
    await using alone = createIntegration(bare);
    const check = async () => (await integration.health()).checks["redis"];
    expect(await check()).toMatchObject({ status: "up", critical: false });
    expect((await other.health()).checks["redis"]).toMatchObject({ status: "up" });
    expect((await alone.health()).checks).not.toHaveProperty("redis");
    await door.shut();
    clock.leap(5_000);
    expect(await check()).toMatchObject({ status: "down", critical: false });
    expect((await integration.ready()).ready).toBe(true);
    await door.open();
    clock.leap(5_000);
    await expect.poll(() => (clock.leap(5_000), check())).toMatchObject({ status: "up" });
  }
  await redis.close();
  await door.shut();
});

it("a process beyond its own bounds is unready, alive, and says why", async () => {
  const full = createIntegration(bare, { process: { maxHeapRatio: 0.01 } });
  const blocked = createIntegration(bare, { process: { maxEventLoopLagMs: 50 } });
  for (const [integration, reason, busy] of [
    [full, "HEAP_FULL", () => Promise.resolve()],
    [blocked, "EVENT_LOOP_LAG", block],
  ] as const) {
    await using host = await serve(express().use(opsRouter(integration)));
    const status = async (path: string) => (await fetch(host.url + path)).status;
    await integration.start();
    if (integration === blocked) expect(await status("/ready")).toBe(200);
    await busy();
    // What the check found before is told for a second.
    await expect.poll(() => status("/ready"), { timeout: 5_000 }).toBe(503);
    expect([await status("/live"), await status("/startup")]).toEqual([200, 200]);
    expect((await integration.health()).checks["process"]).toMatchObject({ status: "down", critical: true, reason });
    await integration.close();
  }
});

/** Holds the event loop up, for longer than a finding is told again. */
async function block(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) {
    for (const until = performance.now() + 90; performance.now() < until;) continue;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

it("an integration without a database starts, tells its status, and leaves no rejection behind", async () => {
  const unheard: unknown[] = [];
  const hear = (reason: unknown) => void unheard.push(reason);
  process.on("unhandledRejection", hear);
  const clock = new ManualClock();
  const integration = createIntegration(bare, { clock });
  await integration.start();
  // The status is written down every few seconds.
  await clock.advance(30_000);
  expect(integration.status().pool).toMatchObject({ mode: "offline", max: 0, lent: 0 });
  await integration.close();
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", hear);
  expect(unheard).toEqual([]);
});
