import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createIntegration, type Integration, type IntegrationOverrides } from "../../src/index.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

const offline = {
  NEON_CONNECTION_STRING: "postgresql://app:secret-1234@db.example.com/app",
  SUPABASE_URL: "https://project.supabase.co",
  SUPABASE_ANON_KEY: "sb_publishable_abcdefghijkl",
  LOG_LEVEL: "silent",
  ENABLE_HEALTH_CHECKS: "false",
};
const breaker = { minimumCalls: 3, breakMs: 40, halfOpenPermits: 1 };
const policies = { crm: { breaker, maxAttempts: 1 }, supabase: { breaker } };

let redis: TestRedis;
const started: Integration[] = [];
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());
beforeEach(async () => void (await (await redis.client()).flushall()));
afterEach(async () => {
  for (const integration of started.splice(0)) await integration.close();
});

/** A process of the fleet with a service of the host's own, which works or not. */
async function join(overrides: IntegrationOverrides = {}, env: Record<string, string> = {}) {
  const integration = createIntegration(
    { ...offline, ...(overrides.redis ? {} : { REDIS_URL: `redis://127.0.0.1:${redis.port}` }), ...env },
    { policies, ...overrides },
  );
  started.push(integration);
  await integration.start();
  const call = (service: string, attempt: () => Promise<unknown>) =>
    integration.call({ service, operation: "ask", idempotent: true, maxAttempts: 1 }, attempt).then(
      (answer) => answer,
      (error: { code: string }) => error.code,
    );
  const down = () => Promise.reject(Object.assign(new Error("reset"), { code: "ECONNRESET" }));
  const fail = (service = "crm") => call(service, down);
  return {
    integration,
    ask: (service = "crm") => call(service, async () => "served"),
    fail,
    async trip(service = "crm") {
      for (let failure = 0; failure < 3; failure += 1) await fail(service);
    },
    state: (service = "crm") => integration.describe().breakers[service],
    connected: () => integration.describe().fleet?.connected,
  };
}

const eventually = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 5_000, interval: 2 });

describe.each([
  { library: "REDIS_URL", overrides: async (): Promise<IntegrationOverrides> => ({}) },
  {
    library: "a client of node-redis",
    overrides: async (): Promise<IntegrationOverrides> => ({
      redis: await redis.nodeClient(),
      fleet: { subscriber: await redis.nodeClient(), pollMs: 20 },
    }),
  },
  {
    library: "a client of ioredis alone",
    overrides: async (): Promise<IntegrationOverrides> => ({ redis: await redis.client(), fleet: { pollMs: 20 } }),
  },
])("circuits shared over $library", ({ overrides }) => {
  it("open for everybody, are probed by one, and close for everybody", async () => {
    const [a, b] = [await join(await overrides()), await join(await overrides())];
    await eventually(() => expect([a.connected(), b.connected()]).toEqual([true, true]));
    await a.trip();
    expect(await a.ask()).toBe("CIRCUIT_OPEN");
    await eventually(async () => expect(await b.ask()).toBe("CIRCUIT_OPEN"));
    let answer = (_value: string) => {};
    let probes = 0;
    const probing = async () => {
      probes += 1;
      return new Promise<string>((resolve) => (answer = resolve));
    };
    const spec = { service: "crm", operation: "ask", idempotent: true, maxAttempts: 1 };
    let probe: Promise<unknown> = Promise.resolve();
    await eventually(() => {
      probe = b.integration.call(spec, probing);
      probe.catch(() => undefined);
      expect(probes).toBe(1);
    });
    await eventually(async () => expect(await a.ask()).toBe("CIRCUIT_OPEN"));
    answer("served");
    expect(await probe).toBe("served");
    await eventually(async () => expect([await a.ask(), await b.ask()]).toEqual(["served", "served"]));
    await eventually(() => expect([a.state(), b.state()]).toEqual(["closed", "closed"]));
  });

  it("are those of services seen first after the start, too", async () => {
    const [a, b] = [await join(await overrides()), await join(await overrides())];
    expect(a.state("billing")).toBeUndefined();
    await a.ask("billing");
    await b.ask("billing");
    for (let failure = 0; failure < 20; failure += 1) await a.fail("billing");
    expect(a.state("billing")).toBe("open");
    await eventually(async () => expect(await b.ask("billing")).toBe("CIRCUIT_OPEN"));
  });

  it("go on without Redis, each process by itself, and agree again when it is back", async () => {
    const [a, b] = [await join(await overrides()), await join(await overrides())];
    await redis.kill();
    try {
      await eventually(() => expect([a.connected(), b.connected()]).toEqual([false, false]));
      await a.trip();
      expect(await a.ask()).toBe("CIRCUIT_OPEN");
      expect(await b.ask()).toBe("served");
      await eventually(async () => expect(await a.ask()).toBe("served"));
    } finally {
      await redis.restart();
    }
    await eventually(() => expect([a.connected(), b.connected()]).toEqual([true, true]));
    await a.trip();
    await eventually(async () => expect(await b.ask()).toBe("CIRCUIT_OPEN"));
  });
});

describe("a fleet", () => {
  it("shares the circuit of each part, and what isolates a service isolates parts that another process calls first", async () => {
    const [a, b] = [await join(), await join()];
    const spec = (part: string) => ({ service: "crm", part, operation: "ask", maxAttempts: 1, idempotent: true });
    const reset = Object.assign(new Error("reset"), { code: "ECONNRESET" });
    const ask = ({ integration }: typeof a, part: string) =>
      integration.call(spec(part), async () => "served").catch((error: { code: string }) => error.code);
    for (let i = 0; i < 3; i += 1)
      await a.integration.call(spec("people"), () => Promise.reject(reset)).catch(() => undefined);
    await ask(b, "people");
    await eventually(() => expect(b.state("crm.people")).toBe("open"));
    expect([await ask(b, "deals"), await b.ask()]).toEqual(["served", "served"]);
    a.integration.operate({ action: "isolate", service: "crm" }, "ada");
    await eventually(async () => expect(await ask(b, "notes")).toBe("CIRCUIT_OPEN"));
    a.integration.operate({ action: "close", service: "crm" }, "ada");
    await eventually(async () =>
      expect([await ask(b, "notes"), await ask(b, "deals"), await ask(b, "people")]).toEqual([
        "served",
        "served",
        "served",
      ]),
    );
  });

  it("is not made where the host wants none, nor without Redis", async () => {
    const [a, b] = [await join({ fleet: false }), await join({ fleet: false })];
    expect(a.integration.describe().fleet).toBeNull();
    await a.trip();
    expect([await a.ask(), await b.ask()]).toEqual(["CIRCUIT_OPEN", "served"]);
    const alone = createIntegration(offline);
    expect(alone.describe().fleet).toBeNull();
    await alone.close();
  });

  it("has no member of another application, nor of another environment", async () => {
    const [a, b] = [await join(), await join({}, { APP_NAME: "another" })];
    const staging = await join({}, { NODE_ENV: "staging" });
    const follower = await join();
    await a.trip();
    await eventually(() => expect(follower.state()).toBe("open"));
    expect([b.state(), staging.state()]).toEqual(["closed", "closed"]);
  });

  it("starts without Redis, and joins when it comes", async () => {
    await redis.kill();
    const [a, b] = [await join(), await join()];
    expect([a.connected(), b.connected()]).toEqual([false, false]);
    await redis.restart();
    await eventually(() => expect([a.connected(), b.connected()]).toEqual([true, true]));
    await a.trip();
    await eventually(() => expect(b.state()).toBe("open"));
  });

  it("leaves no connection behind", async () => {
    const admin = await redis.client();
    const connections = async () => String(await admin.client("LIST")).match(/ name=leaving-soon /g)?.length ?? 0;
    const a = await join({}, { APP_NAME: "leaving soon" });
    await eventually(async () => expect(await connections()).toBe(2));
    await a.integration.close();
    await eventually(async () => expect(await connections()).toBe(0));
  });
});

it("limits are counted over node-redis as over ioredis", async () => {
  const env = { ...offline, RATE_LIMIT_SEARCH_REQUESTS: "60", RATE_LIMIT_SEARCH_BURST: "3" };
  const [one, two] = [
    createIntegration(env, { redis: await redis.nodeClient() }),
    createIntegration(env, { redis: await redis.client() }),
  ] as const;
  started.push(one, two);
  const decisions = [];
  for (let round = 0; round < 6; round += 1)
    decisions.push(await (round % 2 ? one : two).limits.checkAsync("search", "user-1"));
  expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(3);
  expect(decisions.some((decision) => "degraded" in decision && decision.degraded !== undefined)).toBe(false);
});
