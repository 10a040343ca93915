import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createIntegration } from "../../src/index.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

const offline = {
  NEON_CONNECTION_STRING: "postgresql://app:secret-1234@db.example.com/app",
  SUPABASE_URL: "https://project.supabase.co",
  SUPABASE_ANON_KEY: "sb_publishable_abcdefghijkl",
  LOG_LEVEL: "silent",
  // One more every twenty seconds: a slow machine must not find the bucket filled again.
  RATE_LIMIT_SEARCH_REQUESTS: "3",
  RATE_LIMIT_SEARCH_BURST: "3",
};

describe("REDIS_URL", () => {
  let redis: TestRedis;
  beforeAll(async () => void (redis = await startRedis()));
  afterAll(() => redis.close());

  it("lets two integrations share one limit, and each ends its connection on close", async () => {
    const key = randomUUID();
    const two = [1, 2].map(() => createIntegration({ ...offline, REDIS_URL: `redis://127.0.0.1:${redis.port}` }));
    // A slow machine may not have connected within the bound of a decision.
    for (const { limits } of two)
      await expect
        .poll(() => limits.checkAsync("search", randomUUID()), { timeout: 20_000 })
        .not.toHaveProperty("degraded");
    const decisions = [];
    for (let i = 0; i < 6; i++) decisions.push(await two[i % 2]!.limits.checkAsync("search", key));
    expect(decisions.filter(({ allowed }) => allowed).length).toBe(3);
    expect(decisions.every((decision) => !("degraded" in decision) || decision.degraded === undefined)).toBe(true);
    await Promise.all(two.map((integration) => integration.close()));
  });

  it("goes on with this process's share when Redis is not there, and says so", async () => {
    const integration = createIntegration({ ...offline, REDIS_URL: "redis://127.0.0.1:9" });
    const decision = await integration.limits.checkAsync("search", "a");
    expect(decision).toMatchObject({ allowed: true, degraded: "local-share" });
    await integration.close();
  });
});
