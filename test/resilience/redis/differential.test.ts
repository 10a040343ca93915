import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Redis } from "ioredis";
import { compareWithMemory } from "../../support/limit-differential.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";

describe("memory and Redis", () => {
  let redis: TestRedis;
  let client: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    client = await redis.client();
  });
  afterAll(() => redis.close());

  it.each([1, 2])("decide alike, to the last number, over 20,000 decisions of seed %i", async (seed) => {
    const { decisions, denied, severalPolicies, differences } = await compareWithMemory(client, 20_000, seed);
    expect(differences).toEqual([]);
    expect(decisions).toBe(20_000);
    // The comparison is worth something only if both outcomes and both kinds of limit occur.
    expect(denied).toBeGreaterThan(2_000);
    expect(decisions - denied).toBeGreaterThan(2_000);
    expect(severalPolicies).toBeGreaterThan(2_000);
  });
});
