import { type Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RateLimiter, RedisLimitStore } from "../../../src/resilience/index.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = await redis.client();
});
afterAll(() => redis.close());

const serverUs = async (): Promise<number> => {
  const [seconds, micros] = await client.time();
  return Number(seconds) * 1e6 + Number(micros);
};

it("holds a fleet of three to burst + rate × t, in microseconds of the server's own clock", async () => {
  const limits = { api: { requests: 2_000, windowMs: 1_000, burst: 7 } };
  const fleet = await Promise.all(
    [0, 1, 2].map(async () => {
      const store = new RedisLimitStore({ client: await redis.client(), decisionTimeoutMs: 10_000 });
      return new RateLimiter({ store, limits });
    }),
  );
  const from = await serverUs();
  let admitted = 0;
  for (let round = 0; round < 300; round += 1) {
    const asked = fleet.flatMap((limiter) => [limiter, limiter].map((one) => one.checkAsync("api", "user")));
    for (const { allowed, degraded } of await Promise.all(asked)) {
      expect(degraded).toBeUndefined();
      if (allowed) admitted += 1;
    }
  }
  const spanUs = (await serverUs()) - from;
  expect(admitted).toBeLessThanOrEqual(7 + spanUs / 500);
  expect(admitted).toBeGreaterThan(20);
});
