import { createHash } from "node:crypto";
import { type Redis } from "ioredis";
import {
  type IoredisLike,
  type LimitStore,
  MemoryLimitStore,
  type NodeRedisLike,
  RedisLimitStore,
} from "../../src/resilience/index.ts";
import { type RedisLimitStoreOptions } from "../../src/resilience/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { type NodeRedis } from "./redis.ts";

const TIME = 'redis.call("TIME")';

/**
 * Lets the store's own script run on a clock that a test sets: the one expression that asks for the time reads a hash
 * of the same shape instead. Everything else, script, store, client and server, is the real thing.
 */
export function onVirtualTime(client: Redis, clock: ManualClock, clockKey = "virtual-clock"): IoredisLike {
  const textBySha = new Map<string, string>();
  const swap = (script: string): string => {
    if (script.split(TIME).length !== 2) throw new Error(`the script asks for the time not exactly once`);
    const text = script.replace(TIME, `redis.call("HMGET", "${clockKey}", "s", "us")`);
    textBySha.set(createHash("sha1").update(script).digest("hex"), text);
    return text;
  };
  const run = (text: string, count: number, ...rest: string[]): Promise<unknown> => {
    const us = Math.round(clock.wallNow() * 1_000);
    const set = client.hset(clockKey, { s: Math.floor(us / 1e6), us: us % 1e6 });
    return Promise.all([set, client.eval(text, count, ...rest)]).then(([, reply]) => reply);
  };
  return {
    evalsha: (sha, count, ...rest) => {
      const text = textBySha.get(sha);
      return text ? run(text, count, ...rest) : Promise.reject(new Error("NOSCRIPT"));
    },
    eval: (script, count, ...rest) => run(swap(script), count, ...rest),
  };
}

/** The same under the shape of the other library. */
export function onVirtualTimeOfNodeRedis(client: NodeRedis, clock: ManualClock, clockKey: string): NodeRedisLike {
  const shaped = {
    hset: (key: string, value: Record<string, number>) => client.hSet(key, value),
    eval: (text: string, count: number, ...rest: string[]) =>
      client.eval(text, { keys: rest.slice(0, count), arguments: rest.slice(count) }),
  };
  const timed = onVirtualTime(shaped as unknown as Redis, clock, clockKey);
  return {
    evalSha: (sha, { keys, arguments: args }) => timed.evalsha(sha, keys.length, ...keys, ...args),
    eval: (script, { keys, arguments: args }) => timed.eval(script, keys.length, ...keys, ...args),
  };
}

/** A store and the time that it lives in: what its contract is tested on. */
export interface StoreUnderTest {
  readonly store: LimitStore;
  readonly clock: ManualClock;
}

export function memoryUnderTest(): StoreUnderTest {
  const clock = new ManualClock();
  return { clock, store: new MemoryLimitStore({ clock }) };
}

let prefixes = 0;

/** Also starts with empty buckets of its own. */
export function redisUnderTest(
  client: Redis | NodeRedis,
  options: Partial<RedisLimitStoreOptions> = {},
): StoreUnderTest {
  const clock = new ManualClock();
  const prefix = `test-${(prefixes += 1)}:`;
  const timed =
    "evalSha" in client
      ? onVirtualTimeOfNodeRedis(client, clock, `${prefix}clock`)
      : onVirtualTime(client, clock, `${prefix}clock`);
  return { clock, store: new RedisLimitStore({ client: timed, clock, prefix, ...options }) };
}
