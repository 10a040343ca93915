import { createRequire } from "node:module";
import { type Config } from "../config/index.ts";
import { type Clock, ConfigError, type EventBus, type Logger, type Redact } from "../core/index.ts";
import {
  FleetBreakers,
  type FleetSubscriber,
  type LimitStore,
  type RedisClientLike,
  RedisLimitStore,
} from "../resilience/index.ts";
import { type IntegrationOverrides } from "./overrides.ts";

/** What the processes of a fleet have in common. */
export interface SharedState {
  /** Undefined: limits are counted in this process. */
  readonly limits: LimitStore | undefined;
  /** Undefined: each process has its own breakers. */
  readonly fleet: FleetBreakers | undefined;
  /** Whether Redis runs scripts, which is all that is wanted of it; undefined: there is none. */
  readonly askRedis: (() => Promise<unknown>) | undefined;
  close(): void;
}

/** Two connections: one that listens can do nothing else. */
interface Connections {
  readonly client: RedisClientLike;
  readonly subscriber?: FleetSubscriber;
  close(): void;
}

/**
 * Limits and circuits shared over the host's own Redis client or over REDIS_URL. Limits connect with the first decision,
 * circuits with `start()`; what Redis cannot tell in time is decided here: by this process's share, and by what its own
 * calls have seen.
 *
 * @throws ConfigError when REDIS_URL is set and the optional package ioredis is missing
 */
export function sharedState(
  config: Config,
  overrides: IntegrationOverrides,
  around: { clock: Clock; events: EventBus; logger: Logger; redact: Redact },
): SharedState {
  const { clock, events, logger, redact } = around;
  const { limitStore, fleet } = overrides;
  const redis = limitStore && fleet === false ? undefined : connections(config, overrides.redis);
  if (!redis) return { limits: limitStore, fleet: undefined, askRedis: undefined, close: () => undefined };
  const { client, subscriber } = redis;
  return {
    limits: limitStore ?? new RedisLimitStore({ client, clock, events, redact }),
    fleet:
      fleet === false
        ? undefined
        : new FleetBreakers({
            // Another application, or its staging, knows other services by the same names.
            prefix: `enhanced-integration:circuit:${config.app.environment}:${config.app.name}:`,
            ...{ client, clock, logger },
            ...(subscriber && { subscriber }),
            ...fleet,
          }),
    askRedis: () => ask(client),
    close: () => redis.close(),
  };
}

function ask(client: RedisClientLike): Promise<unknown> {
  return "evalSha" in client ? client.eval("return 1", { keys: [], arguments: [] }) : client.eval("return 1", 0);
}

function connections(config: Config, own: RedisClientLike | undefined): Connections | undefined {
  if (own) return { client: own, close: () => undefined };
  const { connection } = config.redis;
  if (!connection) return undefined;
  const client = connect(connection.url.reveal(), config.app.name);
  // Its one command waits until there is a connection: then news come at once, however late Redis was.
  const subscriber = quiet(client.duplicate({ maxRetriesPerRequest: null }));
  return {
    client,
    subscriber,
    close() {
      client.disconnect();
      subscriber.disconnect();
    },
  };
}

type OwnRedis = RedisClientLike &
  FleetSubscriber & {
    on(event: "error", listener: () => void): unknown;
    duplicate(options: object): OwnRedis;
    disconnect(): void;
  };

function connect(url: string, appName: string): OwnRedis {
  const { Redis } = loadIoredis();
  // So that `CLIENT LIST` tells whose it is; Redis refuses names with blanks.
  const connectionName = appName.replace(/[^\x21-\x7e]/g, "-");
  // Commands of one tick travel together; a command that cannot be sent now is decided here instead of queued.
  return quiet(
    new Redis(url, { connectionName, lazyConnect: true, enableAutoPipelining: true, maxRetriesPerRequest: 1 }),
  );
}

/** Who uses the connection tells of its losses. */
function quiet(client: OwnRedis): OwnRedis {
  client.on("error", () => undefined);
  return client;
}

function loadIoredis(): { Redis: new (url: string, options: object) => OwnRedis } {
  try {
    return createRequire(import.meta.url)("ioredis") as ReturnType<typeof loadIoredis>;
  } catch {
    throw new ConfigError([
      {
        name: "REDIS_URL",
        problem: "needs the package ioredis, which is not installed",
        hint: "npm install ioredis, or remove REDIS_URL; a client of node-redis goes into the override `redis`",
      },
    ]);
  }
}
