import { type Redis } from "ioredis";
import { afterAll, beforeAll, describe } from "vitest";
import { type NodeRedis, startRedis, type TestRedis } from "../support/redis.ts";
import { memoryUnderTest, redisUnderTest } from "../support/virtual-redis-time.ts";
import { limitStoreContract } from "./limit-store.contract.ts";

describe("MemoryLimitStore keeps the contract", () => limitStoreContract(memoryUnderTest));

describe("RedisLimitStore keeps the contract", () => {
  let redis: TestRedis;
  let client: Redis;
  let nodeClient: NodeRedis;
  beforeAll(async () => {
    redis = await startRedis();
    client = await redis.client();
    nodeClient = await redis.nodeClient();
  });
  afterAll(() => redis.close());

  describe("in batches", () => limitStoreContract(() => redisUnderTest(client)));
  describe("over node-redis", () => limitStoreContract(() => redisUnderTest(nodeClient)));
  describe("one by one, as in a cluster", () => limitStoreContract(() => redisUnderTest(client, { maxBatch: 1 })));
});
