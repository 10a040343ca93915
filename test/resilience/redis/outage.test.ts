import { once } from "node:events";
import { type Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { EventBus } from "../../../src/core/index.ts";
import {
  type Decision,
  type IoredisLike,
  RateLimiter,
  RedisLimitStore,
  type RedisLimitStoreOptions,
} from "../../../src/resilience/index.ts";
import { EventRecorder, ManualClock } from "../../../src/testing/index.ts";
import { proxyTo, type RedisProxy, startRedis, type TestRedis } from "../../support/redis.ts";
import { thrownBy } from "../helpers.ts";

/** Refills so slowly that the milliseconds of a test do not count. */
const limits = { api: { requests: 20, windowMs: 86_400_000 }, two: [{ requests: 3, windowMs: 86_400_000 }] };

let redis: TestRedis;
let client: Redis;
let proxy: RedisProxy;
beforeAll(async () => {
  redis = await startRedis();
  client = await redis.client();
  proxy = await proxyTo(redis.port);
});
afterEach(async () => {
  proxy.delayMs = 0;
  await client.flushall();
});
afterAll(async () => {
  await proxy.close();
  await redis.close();
});

function limiterOn(options: Partial<RedisLimitStoreOptions> = {}) {
  const clock = new ManualClock();
  const events = new EventBus();
  const store = new RedisLimitStore({ client, clock, events, ...options });
  return { clock, recorder: new EventRecorder(events), limiter: new RateLimiter({ store, clock, limits }) };
}

/** Runs out the time that a decision may take, as often as it takes. */
async function timedOut(decision: Promise<Decision>, clock: ManualClock): Promise<Decision> {
  let settled = false;
  void decision.then(() => (settled = true));
  while (!settled) {
    await clock.advance(50);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return decision;
}

describe("RedisLimitStore, when Redis forgets", () => {
  it("sends the script again after SCRIPT FLUSH, and every decision is Redis's own", async () => {
    const { limiter, recorder } = limiterOn();
    for (let round = 0; round < 5; round += 1) {
      await client.script("FLUSH");
      const { allowed, remaining, degraded } = await limiter.checkAsync("api", "user");
      expect({ allowed, remaining, degraded }).toEqual({ allowed: true, remaining: 19 - round, degraded: undefined });
    }
    expect(recorder.names).toEqual([]);
  });

  it("starts anew on an emptied server", async () => {
    const { limiter } = limiterOn();
    await limiter.checkAsync("api", "user", { cost: 19 });
    await client.flushall();
    expect(await limiter.checkAsync("api", "user")).toMatchObject({ allowed: true, remaining: 19 });
  });

  it("serves again after the server was killed and came back empty, with the same objects", async () => {
    const own = await startRedis();
    const { limiter, clock, recorder } = limiterOn({ client: await own.client(), whenDown: "closed" });
    await limiter.checkAsync("api", "user", { cost: 20 });
    await own.kill();
    const lost = await timedOut(limiter.checkAsync("api", "other"), clock);
    expect(lost).toMatchObject({ allowed: false, degraded: "closed" });
    await own.restart();
    await vi.waitFor(async () => {
      await clock.advance(2_000);
      expect(await limiter.checkAsync("api", "third")).toMatchObject({ allowed: true, remaining: 19 });
    }, 10_000);
    expect(recorder.names).toEqual(["limit.store_lost", "limit.store_recovered"]);
    await own.close();
  });
});

describe("RedisLimitStore, when a key holds something else", () => {
  it.each([
    ["a list", (key: string) => client.lpush(key, "x")],
    ["a hash", (key: string) => client.hset(key, "x", 1)],
    ["words", (key: string) => client.set(key, "nonsense")],
    ["not a number", (key: string) => client.set(key, "nan")],
    ["nothing", (key: string) => client.set(key, "")],
    ["binary", (key: string) => client.set(key, Buffer.from([0, 255, 0]))],
  ])("takes %s for a full bucket, and mends it", async (_what, poison) => {
    const { limiter } = limiterOn({ prefix: "p:" });
    await poison("p:api:user");
    const both = await Promise.all([limiter.checkAsync("api", "user"), limiter.checkAsync("api", "neighbour")]);
    expect(both.map(({ remaining }) => remaining)).toEqual([19, 19]);
    expect(await client.type("p:api:user")).toBe("string");
    expect(Number(await client.pttl("p:api:user"))).toBeGreaterThan(0);
  });

  it("takes a time that no bucket reaches for an empty one, which refills from now on", async () => {
    const { limiter } = limiterOn({ prefix: "p:" });
    for (const far of ["9999999999999999", "9".repeat(400)]) {
      await client.set("p:api:user", far);
      expect(await limiter.checkAsync("api", "user")).toMatchObject({
        ...{ allowed: false, remaining: 0, resetMs: 86_400_000, retryAfterMs: 4_320_000 },
      });
      expect(Number(await client.pttl("p:api:user"))).toBeLessThanOrEqual(86_401_000);
    }
  });
});

describe("RedisLimitStore, when Redis does not answer", () => {
  it("decides within its time, then at no cost, and heals by itself", async () => {
    const viaProxy = await redis.client({ port: proxy.port });
    const { limiter, clock, recorder } = limiterOn({ client: viaProxy, whenDown: "open" });
    expect((await limiter.checkAsync("api", "user")).degraded).toBeUndefined();

    proxy.delayMs = Infinity;
    const first = limiter.checkAsync("api", "user");
    await clock.advance(49);
    expect(recorder.names).toEqual([]);
    await clock.advance(1);
    expect(await first).toMatchObject({ allowed: true, degraded: "open", remaining: 19 });
    expect(recorder.of("limit.store_lost")).toEqual([{ whenDown: "open", message: "no answer within 50 ms" }]);

    // Nothing is sent and no timer set for these.
    for (let call = 0; call < 1_000; call += 1)
      expect((await limiter.checkAsync("api", `user-${call}`)).degraded).toBe("open");
    expect(clock.pendingTimers).toBe(0);

    const ended = once(viaProxy, "end"); // what was swallowed is lost with its connection
    viaProxy.disconnect();
    await ended;
    proxy.delayMs = 0;
    await viaProxy.connect();
    await clock.advance(100);
    expect((await limiter.checkAsync("api", "user")).degraded).toBe("open"); // the probe runs behind this one
    await vi.waitFor(() => expect(recorder.names).toContain("limit.store_recovered"), { timeout: 10_000 });
    expect((await limiter.checkAsync("api", "user")).degraded).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it("probes ever more rarely, up to every 2 s, and nobody waits for a probe", async () => {
    let sent = 0;
    const dead: IoredisLike = { eval: deaf, evalsha: () => ((sent += 1), deaf()) };
    const { limiter, clock } = limiterOn({ client: dead, whenDown: "closed" });
    await timedOut(limiter.checkAsync("api", "user"), clock);
    expect(sent).toBe(1);
    for (let ms = 0; ms < 20_000; ms += 10) {
      expect((await limiter.checkAsync("api", "user")).degraded).toBe("closed");
      await clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeGreaterThan(8);
    expect(sent).toBeLessThan(18);
  });

  it("answers from a frozen server's place, and from the server once it goes on", async () => {
    const { limiter, clock } = limiterOn({ whenDown: "local-share", share: 0.25 });
    redis.freeze();
    try {
      const decision = await timedOut(limiter.checkAsync("api", "user"), clock);
      expect(decision).toMatchObject({ allowed: true, limit: 5, remaining: 4, degraded: "local-share" });
    } finally {
      redis.thaw();
    }
    await vi.waitFor(async () => {
      await clock.advance(2_000);
      expect((await limiter.checkAsync("api", "other")).degraded).toBeUndefined();
    });
  });

  it("does not take a slow event loop for a slow server", async () => {
    const { limiter, clock } = limiterOn();
    const decision = limiter.checkAsync("api", "user");
    // The answer arrives while nobody reads; then the timer is the first to run.
    setTimeout(() => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      void clock.advance(50);
    });
    expect((await decision).degraded).toBeUndefined();
  });

  it("takes a replica and a foreign answer for an outage", async () => {
    const whenDown = "closed";
    const readonly = limiterOn({ whenDown });
    await client.replicaof("127.0.0.1", 1);
    expect((await readonly.limiter.checkAsync("api", "user")).degraded).toBe("closed");
    expect(readonly.recorder.of("limit.store_lost")[0]?.message).toContain("READONLY");
    await client.replicaof("NO", "ONE");

    for (const answer of ["OK", null, [1], [1, "x"], [1, Infinity], { 0: 1, length: 2 }]) {
      const odd: IoredisLike = { eval: deaf, evalsha: async () => answer };
      const { limiter } = limiterOn({ client: odd, whenDown });
      expect((await limiter.checkAsync("api", "user")).degraded).toBe("closed");
    }
  });

  it("still denies what Redis denied, in every mode", async () => {
    for (const whenDown of ["open", "closed", "local-share"] as const) {
      let sent = 0;
      const counting: IoredisLike = {
        eval: (...ask) => ((sent += 1), client.eval(...ask)),
        evalsha: (...ask) => ((sent += 1), client.evalsha(...ask)),
      };
      const { limiter, clock } = limiterOn({ client: counting, whenDown, prefix: `${whenDown}:` });
      await limiter.checkAsync("api", "user", { cost: 20 });
      expect((await limiter.checkAsync("api", "user")).allowed).toBe(false);
      const before = sent;
      for (let call = 0; call < 100; call += 1) {
        const { allowed, degraded } = await limiter.checkAsync("api", "user");
        expect({ allowed, degraded }).toEqual({ allowed: false, degraded: undefined });
      }
      expect(sent).toBe(before);
      const { retryAfterMs } = await limiter.checkAsync("api", "user");
      await clock.advance(retryAfterMs);
      await limiter.checkAsync("api", "user");
      expect(sent).toBe(before + 1);
    }
  });
});

describe("RedisLimitStore with a local share", () => {
  it("admits in the whole fleet no more than its limit, however long Redis is away", async () => {
    const processes = 4;
    const dead: IoredisLike = { eval: deaf, evalsha: () => Promise.reject(new Error("ECONNREFUSED")) };
    const fleet = Array.from({ length: processes }, () =>
      limiterOn({ client: dead, whenDown: "local-share", share: 1 / processes }),
    );
    let admitted = 0;
    const hours = 48;
    for (let hour = 0; hour < hours; hour += 1)
      for (const { limiter, clock } of fleet) {
        for (let call = 0; call < 20; call += 1) if ((await limiter.checkAsync("api", "user")).allowed) admitted += 1;
        await clock.advance(3_600_000);
      }
    expect(admitted).toBeLessThanOrEqual(20 + (20 * hours) / 24);
    expect(admitted).toBeGreaterThan(50);
  });

  it("admits at least one token of a limit smaller than the fleet", async () => {
    const dead: IoredisLike = { eval: deaf, evalsha: () => Promise.reject(new Error("ECONNREFUSED")) };
    const { limiter } = limiterOn({ client: dead, share: 1 / 50 });
    expect(await limiter.checkAsync("api", "user")).toMatchObject({ allowed: true, limit: 1 });
    expect(await limiter.checkAsync("api", "user")).toMatchObject({ allowed: false, degraded: "local-share" });
  });
});

describe("RedisLimitStore's options", () => {
  it("names everything that is wrong with them", () => {
    const bad = {
      client: {},
      prefix: 1,
      decisionTimeoutMs: 0,
      whenDown: "shut",
      share: 0,
      leaseSize: 1.5,
      maxBatch: 0,
    };
    const { code, message } = thrownBy(() => new RedisLimitStore(bad as never));
    expect(code).toBe("INVALID_INPUT");
    for (const part of ["client", "prefix", "decisionTimeoutMs", '"shut"', "share", "1.5", "maxBatch"])
      expect(message).toContain(part);
  });

  it("speaks to node-redis, and to a cluster key by key", async () => {
    const calls: number[] = [];
    const nodeRedis = {
      nodeClient: () => undefined,
      evalSha: (sha: string, { keys, arguments: args }: { keys: string[]; arguments: string[] }) => {
        calls.push(keys.length);
        return client.evalsha(sha, keys.length, ...keys, ...args);
      },
      eval: (script: string, { keys, arguments: args }: { keys: string[]; arguments: string[] }) =>
        client.eval(script, keys.length, ...keys, ...args),
    };
    const { limiter } = limiterOn({ client: nodeRedis });
    const decisions = await Promise.all(["a", "b", "a"].map((key) => limiter.checkAsync("api", key)));
    expect(decisions.map(({ remaining }) => remaining)).toEqual([19, 19, 18]);
    expect(calls).toEqual([1, 1, 1]);
  });

  it("sends the decisions of one tick together, as many as maxBatch allows", async () => {
    const sizes: number[] = [];
    const counting: IoredisLike = {
      eval: (script, count, ...rest) => client.eval(script, count, ...rest),
      evalsha: (sha, count, ...rest) => (sizes.push(count), client.evalsha(sha, count, ...rest)),
    };
    const { limiter } = limiterOn({ client: counting, maxBatch: 8 });
    await Promise.all(Array.from({ length: 20 }, (_, n) => limiter.checkAsync("api", `user-${n}`)));
    expect(sizes).toEqual([8, 8, 4]);
  });

  it("shows nothing of the client when it is printed", async () => {
    const { inspect } = await import("node:util");
    const secret = Object.assign(Object.create(client) as Redis, { password: "hunter2" });
    const store = new RedisLimitStore({ client: secret });
    expect(inspect(store, { depth: 10 }) + JSON.stringify(store)).not.toContain("hunter2");
  });
});

describe("a bucket in Redis", () => {
  it("goes away by itself a second after it is full", async () => {
    const { limiter } = limiterOn({ prefix: "ttl:" });
    await limiter.checkAsync("api", "user", { cost: 2 });
    const ttl = await client.pttl("ttl:api:user");
    expect(ttl).toBeGreaterThan(2 * 4_320_000);
    expect(ttl).toBeLessThanOrEqual(2 * 4_320_000 + 1_000);
    expect(await client.object("ENCODING", "ttl:api:user")).toBe("int"); // the smallest that Redis can store
  });
});

const deaf = () => new Promise<never>(() => undefined);
