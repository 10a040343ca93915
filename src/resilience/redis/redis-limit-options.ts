import { type Clock, type EventBus, type Redact, systemClock, OptionCheck } from "../../core/index.ts";
import { isCluster, isRedisClient, type RedisClientLike } from "./redis-client.ts";

export interface RedisLimitStoreOptions {
  /** A ready client of ioredis or node-redis, also for Redis Cluster. Whoever made it closes it. */
  readonly client: RedisClientLike;
  /** Of every key. @defaultValue "enhanced-integration:limit:" */
  readonly prefix?: string;
  /** Longest wait for Redis before `whenDown` decides, ms, 1 to 10,000. @defaultValue 50 */
  readonly decisionTimeoutMs?: number;
  /**
   * Who decides while Redis cannot be reached: `open` lets everything pass, `closed` nothing, `local-share` as much as
   * `share` of the limit, counted here. Such decisions say so (`degraded`). @defaultValue "local-share"
   */
  readonly whenDown?: "open" | "closed" | "local-share";
  /**
   * This process's share of the fleet's limits, above 0 up to 1: one divided by the number of processes. At least one
   * token of every limit. Also bounds leases. @defaultValue 1, for a single process
   */
  readonly share?: number;
  /**
   * Tokens fetched per round trip and spent here, 1 to 1,000,000; of a small limit no more than this process's share.
   * Then in any interval up to `leaseSize` tokens per process come on top of the limit. @defaultValue 1, which is exact
   */
  readonly leaseSize?: number;
  /** Decisions of one tick that travel together, 1 to 1,000. @defaultValue 128; always 1 with Redis Cluster */
  readonly maxBatch?: number;
  readonly clock?: Clock;
  /** Told of `limit.store_lost` and `limit.store_recovered`. */
  readonly events?: EventBus;
  /** Takes secrets out of what Redis says. @defaultValue nothing is taken out */
  readonly redact?: Redact;
}

export type ResolvedRedisLimitOptions = Required<Omit<RedisLimitStoreOptions, "events">>;

const DEFAULTS = {
  prefix: "enhanced-integration:limit:",
  decisionTimeoutMs: 50,
  whenDown: "local-share",
  share: 1,
  leaseSize: 1,
  maxBatch: 128,
  clock: systemClock,
  redact: (text: string) => text,
} as const;
const SMALLEST_SHARE = 0.0001;
const behaviours = ["open", "closed", "local-share"];

/** @throws IntegrationError `INVALID_INPUT` naming every bad option */
export function resolveRedisLimits(options: RedisLimitStoreOptions): ResolvedRedisLimitOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved = { ...DEFAULTS, ...given } as ResolvedRedisLimitOptions;
  const { client, prefix, decisionTimeoutMs, whenDown, share, leaseSize, maxBatch } = resolved;
  const check = new OptionCheck("RedisLimitStore");
  if (!isRedisClient(client)) check.problem("client must be a client of ioredis or node-redis");
  if (typeof prefix !== "string") check.problem(`prefix must be a string, got ${typeof prefix}`);
  check.oneOf("whenDown", whenDown, behaviours);
  check.number("decisionTimeoutMs", decisionTimeoutMs, { min: 1, max: 10_000 });
  check.number("share", share, { min: SMALLEST_SHARE, max: 1 });
  check.number("leaseSize", leaseSize, { min: 1, max: 1_000_000, integer: true });
  check.number("maxBatch", maxBatch, { min: 1, max: 1_000, integer: true });
  check.throwIfAny();
  return { ...resolved, maxBatch: isCluster(client) ? 1 : maxBatch };
}
