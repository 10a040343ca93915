import {
  type AttemptContext,
  callIds,
  type CallRunner,
  type CallSpec,
  type Clock,
  directRunner,
  EventBus,
  IntegrationError,
  lineOf,
  type Logger,
  silentLogger,
  systemClock,
  systemRandom,
} from "../../core/index.ts";
import { ConnectionPoolManager } from "../connection-pool-manager.ts";
import { conflictRunner } from "./conflict-runner.ts";
import { toNeonError } from "./errors.ts";
import { type Executor, HttpExecutor, PoolExecutor } from "./executor.ts";
import { type CallOptions, checkMaxRows, invalid, neonDefaults, type NeonClientOptions } from "./neon-options.ts";
import { describeParams } from "./param-shapes.ts";
import { checkQueryCache, QueryCache } from "./query-cache.ts";
import { createReplicaRouter, type ReplicaRouter } from "./replica-routing.ts";
import { type Statement } from "./sql.ts";
import { statementFacts } from "./statement-facts.ts";
import { guardWrites } from "./write-guard.ts";

/** A statement that ran, as far as events and logs may know it. */
export interface StatementRun extends Statement {
  readonly rows: number;
  /** On the monotonic clock, ms. */
  readonly startedAt: number;
  /** Instead of the statement's fingerprint. */
  readonly name?: string | undefined;
  /** On whose behalf it ran; of other tools' statements nobody knows. */
  readonly by: CallOfLine | undefined;
}

/** What joins an event or a line to its call. */
export type CallOfLine = Pick<AttemptContext, "callId" | "traceId">;

/** What all parts of one client share: where statements run, under which policies, and who is told of them. */
export class ClientContext {
  readonly pools: ConnectionPoolManager;
  /** Runs what is one statement, or one batch, and no more. */
  readonly executor: Executor;
  /** For reads that a replica may answer. */
  readonly replica: ReplicaRouter | undefined;
  readonly runner: CallRunner;
  /** {@link runner} for transactions. */
  readonly runTransaction: CallRunner["run"];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Rows that one statement may return. */
  readonly maxRows: number;
  readonly cache: QueryCache;
  readonly #events: EventBus;
  readonly #logsSql: boolean;

  /** @throws IntegrationError INVALID_INPUT naming the option, its range and what was given (never the connection string) */
  constructor(options: NeonClientOptions) {
    const { pools, connectionString, maxRows = neonDefaults.maxRows } = options;
    if (!pools && connectionString === undefined) throw invalid("NeonClient needs connectionString or pools");
    checkMaxRows(maxRows);
    const { listenKeepAliveMs: listenMs = neonDefaults.listenKeepAliveMs } = options;
    if (!Number.isInteger(listenMs) || listenMs < 0 || listenMs > 86_400_000)
      throw invalid(`listenKeepAliveMs must be a whole number from 0 to 86400000, got ${String(listenMs)}`);
    this.pools = pools ?? new ConnectionPoolManager({ ...options, connectionString: connectionString! });
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? silentLogger;
    this.runner = guardWrites(options.runner ?? directRunner({ clock: this.clock }), this.pools);
    this.runTransaction = options.runner
      ? (spec, attempt) => this.runner.run(spec, attempt)
      : conflictRunner(this.runner, this.clock, options.random ?? systemRandom);
    this.replica = createReplicaRouter(options, this.pools, this);
    this.maxRows = maxRows;
    const { queryCache = {} } = options;
    checkQueryCache(queryCache);
    const { user, host, port, database } = this.pools.target;
    this.cache = new QueryCache(queryCache, `${user}@${host}:${port}/${database}`);
    this.#events = options.events ?? new EventBus();
    this.#logsSql = options.sqlLogging ?? false;
    this.executor =
      this.pools.transport === "websocket"
        ? new HttpExecutor({ pools: this.pools, fetch: options.fetch, clock: this.clock })
        : new PoolExecutor(this.pools);
    const { transport } = this.pools;
    this.pools.tellStatementsTo({
      finished: (statement, rows, startedAt) => this.told({ ...statement, rows, startedAt, by: undefined }, transport),
      failed: (statement, thrown, startedAt) =>
        this.failed(
          { ...statement, startedAt, by: undefined },
          transport,
          toNeonError(thrown, { operation: "query", phase: "query", repeatable: false }),
        ),
    });
  }

  /** The call as its policies see it. */
  spec(operation: string, options: CallOptions, policy: Partial<CallSpec>): CallSpec {
    const { signal, deadlineMs, priority, parent } = options;
    // By assignment: this is made for every statement, and spreads of what is not there cost more than the rest.
    const spec: { -readonly [K in keyof CallSpec]: CallSpec[K] } = { service: "neon", operation, ...policy };
    if (signal) spec.signal = signal;
    if (deadlineMs !== undefined) spec.deadlineMs = deadlineMs;
    if (priority) spec.priority = priority;
    if (parent) spec.parent = parent;
    return spec;
  }

  /** Tells events, and the SQL log where it is on, of a statement; never of its parameters' values. */
  told({ text, params, rows, startedAt, name, by }: StatementRun, transport: string): void {
    const durationMs = this.clock.now() - startedAt;
    if (this.#logsSql)
      this.logger.debug(
        { ...(by && lineOf(by)), text, params: describeParams(params), rows, durationMs, transport },
        "sql",
      );
    if (!this.#events.has("query.finished")) return;
    const statement = name ?? statementFacts(text).label;
    if (by === undefined) return this.#events.emit("query.finished", { transport, statement, rows, durationMs });
    const { callId, traceId } = by;
    // Written out: this is told of every statement.
    this.#events.emit(
      "query.finished",
      traceId === undefined
        ? { callId, transport, statement, rows, durationMs }
        : { callId, traceId, transport, statement, rows, durationMs },
    );
  }

  /** The same of one that failed. */
  failed({ text, params, startedAt, name, by }: Omit<StatementRun, "rows">, transport: string, thrown: unknown): void {
    const durationMs = this.clock.now() - startedAt;
    const { code, sqlState } = IntegrationError.isInstance(thrown) ? thrown : ({ code: "NETWORK" } as const);
    const said = { code, ...(sqlState !== undefined && { sqlState }) };
    if (this.#logsSql)
      this.logger.debug(
        { ...(by && lineOf(by)), text, params: describeParams(params), ...said, durationMs, transport },
        "sql failed",
      );
    const statement = name ?? statementFacts(text).label;
    this.#events.emit("query.failed", { ...callIds(by), transport, statement, ...said, durationMs });
  }
}
