import { join } from "node:path";
import type pg from "pg";
import {
  type CallRunner,
  type CallSpec,
  type Clock,
  directRunner,
  EventBus,
  type Logger,
  packageRoot,
  silentLogger,
  systemClock,
  systemRandom,
} from "../../core/index.ts";
import { ConnectionPoolManager, type PoolHealth } from "../connection-pool-manager.ts";
import { type DriverOptions } from "../pools/drivers.ts";
import { type ConnectionTarget, parseConnectionString, withoutPooler } from "./connection-string.ts";
import { withDirectSession } from "./direct-session.ts";
import { toNeonError } from "./errors.ts";
import { type Executor, HttpExecutor, PoolExecutor } from "./executor.ts";
import { Listener, type ListenOptions, type Subscription } from "./listener.ts";
import { migrate, type MigrateOptions, type MigrateResult } from "./migrate.ts";
import {
  type BatchOptions,
  type BatchStatement,
  type CallOptions,
  invalid,
  neonDefaults,
  type NeonClientOptions,
  type QueryFunction,
  readQueryArguments,
  type TransactionOptions,
} from "./neon-options.ts";
import { type DriverResult, type Row, type Rows, toRows } from "./rows.ts";
import { identifier, sql, SqlFragment, type Statement, type StatementSource, toStatement } from "./sql.ts";
import { statementFacts } from "./statement-facts.ts";
import { attemptTransaction, type Transaction } from "./transaction.ts";
import { claimsStatement, resolveClaims, type UserClaims } from "./user-claims.ts";

/** A migration may build indexes over whole tables, and waits for other migrators, ms. */
const MIGRATION_TIMEOUT_MS = 600_000;

/**
 * The database: Neon over its own protocols, any other PostgreSQL over TCP, with the same calls and the same errors.
 *
 * @example
 * const neon = new NeonClient({ connectionString });
 * const rows = await neon.query<{ id: string }>`select id from listings where price < ${limit}`;
 * await neon.transaction(async (tx) => { await tx.query`update …`; await tx.query`insert …`; });
 */
export class NeonClient {
  readonly query: QueryFunction;
  /** Builds fragments for composition. */
  readonly sql = sql;
  /** A table's or column's name as part of a statement, quoted. */
  readonly identifier = identifier;
  readonly #options: NeonClientOptions;
  readonly #pools: ConnectionPoolManager;
  readonly #direct: ConnectionTarget;
  readonly #executor: Executor;
  readonly #runner: CallRunner;
  readonly #events: EventBus;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #maxRows: number;
  #listener: Listener | undefined;

  /** @throws IntegrationError INVALID_INPUT naming the option, its range and what was given (never the connection string) */
  constructor(options: NeonClientOptions) {
    const { pools, connectionString, maxRows = neonDefaults.maxRows } = options;
    if (!pools && connectionString === undefined) throw invalid("NeonClient needs connectionString or pools");
    if (!Number.isInteger(maxRows) || maxRows < 1)
      throw invalid(`maxRows must be a whole number from 1, got ${String(maxRows)}`);
    this.#options = options;
    this.#pools = pools ?? new ConnectionPoolManager({ ...options, connectionString: connectionString! });
    this.#direct =
      options.directConnectionString === undefined
        ? withoutPooler(this.#pools.target)
        : parseConnectionString(options.directConnectionString, "directConnectionString");
    this.#clock = options.clock ?? systemClock;
    this.#events = options.events ?? new EventBus();
    this.#logger = options.logger ?? silentLogger;
    this.#runner = options.runner ?? directRunner({ clock: this.#clock });
    this.#maxRows = maxRows;
    this.#executor =
      this.#pools.transport === "websocket"
        ? new HttpExecutor({ pools: this.#pools, fetch: options.fetch, clock: this.#clock })
        : new PoolExecutor(this.#pools);
    this.query = (source: StatementSource, ...rest: unknown[]) => this.#query(source, rest);
  }

  /** A pg-compatible pool for Kysely, Drizzle and other tools. What goes through it is guarded, but not retried. */
  get pool(): pg.Pool {
    return this.#pools.pool;
  }

  /**
   * Runs `fn` between BEGIN and COMMIT on one connection; rolls back when it rejects, with that very error.
   *
   * @throws IntegrationError OUTCOME_UNKNOWN when the answer to COMMIT was lost; whatever `fn` or its statements threw
   */
  transaction<T>(fn: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return this.#transaction(options, fn);
  }

  /**
   * A transaction in which row-level security sees the user: the role and the claims hold to its end and no longer.
   * Its statements are the host's own: never run a text there that the user wrote, it could give the role back.
   *
   * @param identity a token, which is verified first, or claims that the caller has verified
   * @throws IntegrationError UNAUTHENTICATED, FORBIDDEN, and what {@link transaction} throws
   */
  async asUser<T>(
    identity: string | UserClaims,
    fn: (transaction: Transaction) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    const { text, params } = claimsStatement(await resolveClaims(identity, this.#options.verifier));
    return this.#transaction(options, async (transaction) => {
      await transaction.query(text, params, { name: "set user claims" });
      return fn(transaction);
    });
  }

  /** Several statements, all or nothing; one round trip where the transport allows it. */
  async batch<R extends object = Row>(
    statements: readonly BatchStatement[],
    options: BatchOptions = {},
  ): Promise<Rows<R>[]> {
    const compiled = statements.map((each): Statement =>
      each instanceof SqlFragment ? each.compile() : { text: each.text, params: each.params ?? [] },
    );
    if (compiled.length === 0) return [];
    const maxRows = options.maxRows ?? this.#maxRows;
    if (!this.#executor.batch)
      return this.#transaction(
        { ...options, retry: true },
        async (transaction) => {
          const results: Rows<R>[] = [];
          for (const { text, params } of compiled) results.push(await transaction.query<R>(text, params, { maxRows }));
          return results;
        },
        "batch",
      );
    const idempotent = options.idempotent ?? compiled.every(({ text }) => statementFacts(text).plainRead);
    return this.#runner.run(this.#spec("batch", options, { idempotent }), async ({ signal }) => {
      const startedAt = this.#clock.now();
      const results = await this.#executor.batch!(compiled, signal, idempotent, options);
      return results.map((result, index) => {
        this.#told(compiled[index]!.text, result.rows.length, startedAt, this.#executor.transport);
        return toRows<R>(result, maxRows, "batch");
      });
    });
  }

  /**
   * Hears NOTIFY on `channel`, over a direct connection that is made again when it is lost.
   *
   * @throws IntegrationError NETWORK when the first connection fails
   */
  listen(
    channel: string,
    onNotification: (payload: string) => void,
    options: ListenOptions = {},
  ): Promise<Subscription> {
    const listener = (this.#listener ??= new Listener({
      driver: this.#directDriver(this.#pools.limits.queryTimeoutMs),
      clock: this.#clock,
      random: this.#options.random ?? systemRandom,
      logger: this.#logger,
    }));
    return this.#runner.run(this.#spec("listen", options, { idempotent: true }), ({ signal }) =>
      listener.listen(channel, onNotification, options, signal),
    );
  }

  /** Brings the schema up to date; see {@link migrate}. Uses a direct connection and waits for other migrators. */
  migrate(options: Partial<MigrateOptions> & CallOptions = {}): Promise<MigrateResult> {
    const bounds = { idempotent: true, deadlineMs: MIGRATION_TIMEOUT_MS, attemptTimeoutMs: MIGRATION_TIMEOUT_MS };
    return this.#runner.run(this.#spec("migrate", options, bounds), async ({ signal }) => {
      const driver = this.#directDriver(MIGRATION_TIMEOUT_MS);
      const embeddingDimensions = options.embeddingDimensions ?? (await this.#embeddingDimensions());
      const work = (session: pg.Client) =>
        migrate(session, {
          directory: options.directory ?? join(packageRoot(), "migrations"),
          embeddingDimensions,
          dryRun: options.dryRun,
          logger: options.logger ?? this.#logger,
        });
      try {
        return await withDirectSession(driver, signal, work);
      } catch (thrown) {
        if (signal.aborted) throw signal.reason;
        throw toNeonError(thrown, { operation: "migrate", phase: "query", repeatable: true });
      }
    });
  }

  /** As the traffic shows it; asks the database only if there was none, or the last of it failed. */
  health(signal?: AbortSignal): Promise<PoolHealth> {
    return this.#pools.health(signal);
  }

  /** Ends subscriptions, and the pool if the client made it. Idempotent. */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    await this.#listener?.close();
    if (!this.#options.pools) await this.#pools.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #query(source: StatementSource, rest: readonly unknown[]): Promise<Rows> {
    const [values, options] = readQueryArguments(source, rest);
    const statement = toStatement(source, values);
    const { plainRead } = statementFacts(statement.text);
    const idempotent = options.idempotent ?? plainRead;
    const result = await this.#runner.run(this.#spec("query", options, { idempotent }), async ({ signal }) => {
      const startedAt = this.#clock.now();
      const answer = await this.#judged(plainRead, () => this.#executor.execute(statement, signal, idempotent));
      this.#told(statement.text, answer.rows.length, startedAt, this.#executor.transport, options.name);
      return answer;
    });
    return toRows(result, options.maxRows ?? this.#maxRows, "query");
  }

  /** Lets the pool learn whether the database takes writes. */
  async #judged(plainRead: boolean, execute: () => Promise<DriverResult>): Promise<DriverResult> {
    try {
      const result = await execute();
      if (!plainRead && this.#pools.mode === "read-only" && (result.rowCount ?? 0) > 0)
        this.#pools.observe("write-accepted");
      return result;
    } catch (thrown) {
      const { code, message } = thrown as { code?: unknown; message?: string };
      if (code === "READ_ONLY") this.#pools.observe("write-refused", message);
      throw thrown;
    }
  }

  async #transaction<T>(
    options: TransactionOptions,
    fn: (transaction: Transaction) => Promise<T>,
    operation: "transaction" | "batch" = "transaction",
  ): Promise<T> {
    const spec = this.#spec(operation, options, {
      idempotent: options.readOnly === true,
      ...(options.retry === false && { maxAttempts: 1 }),
    });
    const context = {
      maxRows: this.#maxRows,
      now: () => this.#clock.now(),
      onStatement: (text: string, rows: number, startedAt: number, name?: string) =>
        this.#told(text, rows, startedAt, this.#pools.transport, name),
    };
    const outcome = await this.#runner.run(spec, ({ signal }) =>
      attemptTransaction(this.#pools, fn, options, context, signal),
    );
    if ("thrown" in outcome) throw outcome.thrown;
    return outcome.value;
  }

  #spec(operation: string, options: CallOptions, policy: Partial<CallSpec>): CallSpec {
    const { signal, deadlineMs, priority } = options;
    return {
      service: "neon",
      operation,
      ...policy,
      ...(signal && { signal }),
      ...(deadlineMs !== undefined && { deadlineMs }),
      ...(priority && { priority }),
    };
  }

  #told(text: string, rows: number, startedAt: number, transport: string, name?: string): void {
    const durationMs = this.#clock.now() - startedAt;
    if (this.#options.sqlLogging) this.#logger.debug({ text, rows, durationMs, transport }, "sql");
    if (!this.#events.has("query.finished")) return;
    const statement = name ?? statementFacts(text).label;
    this.#events.emit("query.finished", { transport, statement, rows, durationMs });
  }

  async #embeddingDimensions(): Promise<number> {
    const given = this.#options.embeddingDimensions ?? neonDefaults.embeddingDimensions;
    return typeof given === "function" ? given() : given;
  }

  #directDriver(queryTimeoutMs: number): DriverOptions {
    const { transport, limits } = this.#pools;
    return { target: this.#direct, transport, limits: { ...limits, queryTimeoutMs }, clock: this.#clock };
  }
}
