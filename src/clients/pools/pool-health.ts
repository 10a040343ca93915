import { type PoolMode } from "./pool-mode.ts";
import { type PoolStats } from "./pool-statistics.ts";

export interface PoolHealth {
  readonly status: "up" | "degraded" | "down";
  readonly mode: PoolMode;
  /** Where the answer comes from: `probe` is the only one that sent something. */
  readonly source: "traffic" | "probe";
  /** Milliseconds since the database last answered; absent if it never did. */
  readonly lastAnswerAgeMs?: number;
  readonly pool: PoolStats;
  /** Why it is not up. */
  readonly message?: string;
}

/** From here on callers are about to wait for connections. */
const DEGRADED_USAGE_PERCENT = 90;

/** What the pool knows about its database. */
export interface PoolKnowledge {
  readonly mode: PoolMode;
  readonly pool: PoolStats;
  readonly lastAnswerAgeMs: number | undefined;
  /** The last attempt's failure, if it failed. */
  readonly failure: string | undefined;
  readonly isClosed: boolean;
  readonly source: "traffic" | "probe";
}

export function judgeHealth(known: PoolKnowledge): PoolHealth {
  const { mode, source, pool, lastAnswerAgeMs, isClosed } = known;
  const message = isClosed ? "the pool is closed" : troubleOf(known);
  const isDown = isClosed || lastAnswerAgeMs === undefined || known.failure !== undefined || mode === "offline";
  return {
    status: isDown ? "down" : message === undefined ? "up" : "degraded",
    mode,
    source,
    ...(lastAnswerAgeMs !== undefined && { lastAnswerAgeMs: Math.round(lastAnswerAgeMs) }),
    pool,
    ...(message !== undefined && { message }),
  };
}

function troubleOf({ failure, lastAnswerAgeMs, mode, pool }: PoolKnowledge): string | undefined {
  if (failure !== undefined) return failure;
  if (lastAnswerAgeMs === undefined) return "the database has not answered yet";
  if (mode === "read-only") return "the database refuses writes";
  if (pool.waiting > 0 || pool.usagePercent >= DEGRADED_USAGE_PERCENT)
    return `${pool.total - pool.idle} of ${pool.max} connections are in use, ${pool.waiting} callers wait`;
  return undefined;
}
