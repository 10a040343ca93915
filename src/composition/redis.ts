import { createRequire } from "node:module";
import { type Config } from "../config/index.ts";
import { type Clock, ConfigError, type EventBus } from "../core/index.ts";
import { type LimitStore, type RedisClientLike, RedisLimitStore } from "../resilience/index.ts";
import { type IntegrationOverrides } from "./overrides.ts";

/** Where limits are counted, and how to let go of it. */
export interface SharedLimits {
  readonly store: LimitStore | undefined;
  close(): void;
}

interface OwnRedis {
  on(event: "error", listener: () => void): unknown;
  disconnect(): void;
}

/**
 * The fleet's store of limits: the host's own, one over the host's Redis client, one over REDIS_URL, or none. Connects
 * with the first decision; what Redis cannot decide in time is decided here, by this process's share.
 *
 * @throws ConfigError when REDIS_URL is set and the optional package ioredis is missing
 */
export function sharedLimits(
  config: Config,
  overrides: IntegrationOverrides,
  around: { clock: Clock; events: EventBus },
): SharedLimits {
  const nothing = () => undefined;
  if (overrides.limitStore) return { store: overrides.limitStore, close: nothing };
  if (overrides.redis) return { store: new RedisLimitStore({ client: overrides.redis, ...around }), close: nothing };
  const { connection } = config.redis;
  if (!connection) return { store: undefined, close: nothing };
  const client = connect(connection.url.reveal());
  return { store: new RedisLimitStore({ client, ...around }), close: () => client.disconnect() };
}

function connect(url: string): RedisClientLike & OwnRedis {
  const { Redis } = loadIoredis();
  // Commands of one tick travel together; a command that cannot be sent now is decided here instead of queued.
  const client = new Redis(url, { lazyConnect: true, enableAutoPipelining: true, maxRetriesPerRequest: 1 });
  client.on("error", () => undefined); // the store tells of its losses itself
  return client;
}

function loadIoredis(): { Redis: new (url: string, options: object) => RedisClientLike & OwnRedis } {
  try {
    return createRequire(import.meta.url)("ioredis") as ReturnType<typeof loadIoredis>;
  } catch {
    throw new ConfigError([
      {
        name: "REDIS_URL",
        problem: "needs the package ioredis, which is not installed",
        hint: "npm install ioredis, or remove REDIS_URL",
      },
    ]);
  }
}
