import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { EventBus } from "../../../src/core/index.ts";
import { RateLimiter, RedisLimitStore } from "../../../src/resilience/index.ts";
import { EventRecorder } from "../../../src/testing/index.ts";
import { type NodeRedis, startRedis, type TestRedis } from "../../support/redis.ts";

let redis: TestRedis;
let client: NodeRedis;
beforeAll(async () => {
  redis = await startRedis();
  client = await redis.nodeClient();
});
afterAll(() => redis.close());

/** So slow a refill that the milliseconds of a test do not count. */
const limits = { api: { requests: 20, windowMs: 86_400_000 } };

function limiter() {
  const events = new EventBus();
  const store = new RedisLimitStore({ client, events });
  return { limiter: new RateLimiter({ store, limits }), recorder: new EventRecorder(events) };
}

it("node-redis and ioredis spend one limit", async () => {
  const { limiter: one } = limiter();
  const other = new RateLimiter({ store: new RedisLimitStore({ client: await redis.client() }), limits });
  const decisions = await Promise.all(
    Array.from({ length: 40 }, (_, index) => (index % 2 ? one : other).checkAsync("api", "shared")),
  );
  expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(20);
});

it("over node-redis the script is sent again after SCRIPT FLUSH", async () => {
  const { limiter: limits, recorder } = limiter();
  for (let round = 0; round < 5; round += 1) {
    await client.scriptFlush();
    expect(await limits.checkAsync("api", "flushed")).toMatchObject({ allowed: true, remaining: 19 - round });
  }
  expect(recorder.names).toEqual([]);
});

it("over node-redis a killed server is gone on without, and used again when it is back, with the same objects", async () => {
  const { limiter: limits, recorder } = limiter();
  await limits.checkAsync("api", "user");
  await redis.kill();
  const during = await limits.checkAsync("api", "user");
  expect(during).toMatchObject({ allowed: true, degraded: "local-share" });
  await redis.restart();
  await vi.waitFor(async () => expect((await limits.checkAsync("api", "user")).degraded).toBeUndefined(), {
    timeout: 5_000,
    interval: 20,
  });
  expect(recorder.names).toEqual(["limit.store_lost", "limit.store_recovered"]);
});
