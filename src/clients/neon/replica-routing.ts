import { type Clock, IntegrationError, lineOf, type Logger } from "../../core/index.ts";
import { type CallOfLine } from "./client-context.ts";
import { ConnectionPoolManager } from "../connection-pool-manager.ts";
import { type AbortableAttempt, type Executor, HttpExecutor, PoolExecutor } from "./executor.ts";
import { isUnreached } from "./errors.ts";
import { invalid, type NeonClientOptions, type QueryOptions } from "./neon-options.ts";
import { type DriverResult } from "./rows.ts";
import { type Statement } from "./sql.ts";

/** After a failure reads go to the primary for so long, ms: the retry of a read that timed out is not to time out again. */
const AVOID_MS = 1_000;

/** A replica that answers late, or cancels a read for the sake of replay (40001), is no reason to fail a read. */
const replicaFailures: ReadonlySet<string> = new Set(["QUEUE_FULL", "ATTEMPT_TIMEOUT", "CLOSED", "CONFLICT"]);

/**
 * Sends single reads to a read replica, and to the primary when the replica cannot answer. Whatever is part of a
 * transaction, of a batch or of a stream stays with the primary.
 *
 * A replica is a little behind: who has just written may not see it there. Read back one's own writes from the primary.
 */
export class ReplicaRouter {
  readonly pools: ConnectionPoolManager;
  readonly #executor: Executor;
  readonly #isDefault: boolean;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #avoidUntil = -Infinity;

  constructor(
    pools: ConnectionPoolManager,
    executor: Executor,
    options: { readonly isDefault: boolean; readonly clock: Clock; readonly logger: Logger },
  ) {
    this.pools = pools;
    this.#executor = executor;
    this.#isDefault = options.isDefault;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** True for a read that its caller, or the client's default, lets a replica answer, while there is hope that it does. */
  takes({ replica = this.#isDefault }: QueryOptions, isRead: boolean): boolean {
    return replica && isRead && !this.pools.isOffline && this.#clock.now() >= this.#avoidUntil;
  }

  /** @param startedAt a fresh reading of the clock */
  async execute(
    statement: Statement,
    attempt: AbortableAttempt & CallOfLine,
    primary: Executor,
    startedAt: number,
  ): Promise<DriverResult> {
    const { signal } = attempt;
    try {
      return await this.#executor.execute(statement, attempt, true, startedAt);
    } catch (thrown) {
      // What a function turned out to write is the statement's doing, not the replica's.
      const isWrite = IntegrationError.isInstance(thrown) && thrown.code === "READ_ONLY";
      const isReplicas = isReplicaFailure(thrown);
      if (signal.aborted || isReplicas) this.#avoidUntil = this.#clock.now() + AVOID_MS;
      if (signal.aborted || !(isReplicas || isWrite)) throw thrown;
      this.#logger.warn(
        { ...lineOf(attempt), pool: this.pools.name, code: thrown.code },
        `the primary answers instead: ${thrown.message}`,
      );
      this.pools.tellFallback(thrown.message);
      return primary.execute(statement, attempt, true, this.#clock.now());
    }
  }
}

/** @throws IntegrationError INVALID_INPUT if `replica: true` is asked for what may write */
export function refuseReplicaWrite({ replica }: QueryOptions, isRead: boolean): void {
  if (replica === true && !isRead)
    throw invalid(
      "replica is for reads: this statement may change something, or calls a function that we do not know; `idempotent: true` says that it does not",
    );
}

/** The client's own pool for reads, if it has a replica. */
export function createReplicaRouter(
  options: NeonClientOptions,
  primary: ConnectionPoolManager,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): ReplicaRouter | undefined {
  const { replicaConnectionString, reads = "primary", fetch, random, events } = options;
  if (reads !== "primary" && reads !== "replica")
    throw invalid(`reads must be primary or replica, got ${String(reads)}`);
  if (replicaConnectionString === undefined) {
    if (reads === "replica") throw invalid('reads: "replica" needs replicaConnectionString');
    return undefined;
  }
  const pools = new ConnectionPoolManager({
    ...primary.limits,
    ...{ connectionString: replicaConnectionString, name: `${primary.name}-replica`, isReplica: true },
    transport: options.transport ?? (primary.transport === "tcp" ? "tcp" : "auto"),
    // A pool that was given writes its own lines, or leaves that to whoever hears its events: then so does this one.
    logger: options.pools ? undefined : logger,
    ...{ clock, random, events, redact: options.redact },
  });
  const executor =
    pools.transport === "websocket" ? new HttpExecutor({ pools, fetch, clock }) : new PoolExecutor(pools);
  return new ReplicaRouter(pools, executor, { isDefault: reads === "replica", clock, logger });
}

function isReplicaFailure(thrown: unknown): thrown is IntegrationError {
  if (!IntegrationError.isInstance(thrown)) return false;
  // 40001 on a replica: canceling statement due to conflict with recovery. 57P0x: it shuts down or starts.
  return (
    replicaFailures.has(thrown.code) ||
    isUnreached(thrown) ||
    thrown.sqlState === "40001" ||
    /^57P/.test(thrown.sqlState ?? "")
  );
}
