import type pg from "pg";
import { IntegrationError, systemRandom } from "../../core/index.ts";
import { type ConnectionPoolManager, type PoolHealth } from "../connection-pool-manager.ts";
import { type DriverOptions } from "../pools/drivers.ts";
import { closedError } from "../pools/pool-errors.ts";
import { runBulkInsert } from "./bulk/bulk-call.ts";
import { BulkInserter } from "./bulk/bulk-insert.ts";
import { type BulkInsert } from "./bulk/bulk-options.ts";
import { ClientContext } from "./client-context.ts";
import { type ConnectionTarget, parseConnectionString, withoutPooler } from "./connection-string.ts";
import { runStream } from "./cursor.ts";
import { type DataApiClient, type DataApiToken, type NeonDataApi } from "./data-api/index.ts";
import { Listener, type ListenOptions, type Subscription } from "./listener.ts";
import { type NeonAdmin } from "./management/index.ts";
import { type MigrateOptions, type MigrateResult } from "./migrate.ts";
import { runMigrations } from "./migrator.ts";
import {
  type BatchOptions,
  type BatchStatement,
  type CallOptions,
  neonDefaults,
  type NeonClientOptions,
  type QueryFunction,
  type StreamFunction,
  type TransactionOptions,
} from "./neon-options.ts";
import { runBatch, runQuery } from "./queries.ts";
import { type Row, type Rows } from "./rows.ts";
import { identifier, sql, type StatementSource } from "./sql.ts";
import { attemptStatements, runTransaction } from "./transaction.ts";
import { type Transaction } from "./transaction-types.ts";
import { claimsStatement, resolveClaims, type UserClaims } from "./user-claims.ts";

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
  /** Large results, a batch at a time and in bounded memory. */
  readonly stream: StreamFunction;
  /** Many rows into one table, all or none. */
  readonly bulkInsert: BulkInsert;
  /** Builds fragments for composition. */
  readonly sql = sql;
  /** A table's or column's name as part of a statement, quoted. */
  readonly identifier = identifier;
  readonly #options: NeonClientOptions;
  readonly #context: ClientContext;
  readonly #pools: ConnectionPoolManager;
  readonly #direct: ConnectionTarget;
  readonly #bulk: BulkInserter;
  #listener: Listener | undefined;
  #isClosed = false;

  /** @throws IntegrationError INVALID_INPUT naming the option, its range and what was given (never the connection string) */
  constructor(options: NeonClientOptions) {
    const context = new ClientContext(options);
    const bulk = new BulkInserter(context);
    this.#options = options;
    this.#context = context;
    this.#pools = context.pools;
    this.#bulk = bulk;
    this.#direct =
      options.directConnectionString === undefined
        ? withoutPooler(this.#pools.target)
        : parseConnectionString(options.directConnectionString, "directConnectionString");
    this.query = (source: StatementSource, ...rest: unknown[]) => runQuery(context, source, rest) as Promise<never>;
    this.stream = (source: StatementSource, ...rest: unknown[]) => runStream(context, source, rest) as never;
    const together = attemptStatements.bind(undefined, context, bulk);
    this.bulkInsert = (table, rows, bulkOptions = {}) =>
      runBulkInsert(context, bulk, together, table, rows, bulkOptions);
  }

  /** A pg-compatible pool for Kysely, Drizzle and other tools. What goes through it is guarded, but not retried. */
  get pool(): pg.Pool {
    return this.#pools.pool;
  }

  /** Branches, restore, snapshots and backups. @throws IntegrationError FEATURE_DISABLED without NEON_PROJECT_ID and NEON_API_KEY */
  get admin(): NeonAdmin {
    return this.#options.admin ?? unset("admin", "NEON_PROJECT_ID and NEON_API_KEY (or give the option admin)");
  }

  /**
   * The vendor's client of the Data API, as the user of a token; see {@link NeonDataApi}.
   *
   * @param token @defaultValue the one of NEON_DATA_API_KEY
   * @throws IntegrationError FEATURE_DISABLED without NEON_DATA_API_URL, or without any token
   */
  dataApi(token?: DataApiToken): DataApiClient {
    const api: NeonDataApi =
      this.#options.dataApi ?? unset("dataApi", "NEON_DATA_API_URL (or give the option dataApi)");
    return api.as(token);
  }

  /**
   * Runs `fn` between BEGIN and COMMIT on one connection; rolls back when it rejects, with that very error.
   *
   * @throws IntegrationError OUTCOME_UNKNOWN when the answer to COMMIT was lost; whatever `fn` or its statements threw
   */
  transaction<T>(fn: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    return runTransaction(this.#context, this.#bulk, options, fn);
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
    return runTransaction(this.#context, this.#bulk, options, async (transaction) => {
      await transaction.query(text, params, { name: "set user claims" });
      return fn(transaction);
    });
  }

  /** Several statements, all or nothing; one round trip where the transport allows it. */
  batch<R extends object = Row>(statements: readonly BatchStatement[], options: BatchOptions = {}): Promise<Rows<R>[]> {
    return runBatch<R>(this.#context, this.#bulk, statements, options);
  }

  /** Forgets cached reads that name one of these tables or tags; all of them without any. For writes made elsewhere. */
  forget(...tablesOrTags: readonly string[]): void {
    this.#context.cache.forget(tablesOrTags);
  }

  /**
   * Hears NOTIFY on `channel`, over a direct connection that is made again when it is lost or falls silent
   * (`listenKeepAliveMs`). As long as somebody listens, the compute stays awake.
   *
   * @param channel as `pg_notify` takes it, 1 to 63 bytes
   * @throws IntegrationError NETWORK when the first connection fails, INVALID_INPUT for a name that cannot be one, CLOSED
   * after {@link close}
   */
  listen(
    channel: string,
    onNotification: (payload: string) => void,
    options: ListenOptions = {},
  ): Promise<Subscription> {
    if (this.#isClosed) return Promise.reject(closedError(this.#pools.name));
    const listener = (this.#listener ??= new Listener({
      driver: this.#directDriver(this.#pools.limits.queryTimeoutMs),
      pool: this.#pools.name,
      keepAliveMs: this.#options.listenKeepAliveMs ?? neonDefaults.listenKeepAliveMs,
      onAnswer: () => this.#pools.touch(),
      clock: this.#context.clock,
      random: this.#options.random ?? systemRandom,
      logger: this.#context.logger,
    }));
    const spec = this.#context.spec("listen", options, { idempotent: true });
    return this.#context.runner.run(spec, ({ signal }) => listener.listen(channel, onNotification, options, signal));
  }

  /** Brings the schema up to date; see {@link migrate}. Uses a direct connection and waits for other migrators. */
  migrate(options: Partial<MigrateOptions> & CallOptions = {}): Promise<MigrateResult> {
    if (this.#isClosed) return Promise.reject(closedError(this.#pools.name));
    const driverFor = (queryTimeoutMs: number) => this.#directDriver(queryTimeoutMs);
    return runMigrations(this.#context, driverFor, this.#options.embeddingDimensions, options);
  }

  /** As the traffic shows it; asks the database only if there was none, or the last of it failed. */
  health(signal?: AbortSignal): Promise<PoolHealth> {
    return this.#pools.health(signal);
  }

  /** Ends subscriptions, and the pool if the client made it. Idempotent. */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#isClosed = true;
    this.#listener?.close();
    // At once: nothing is let in between the one and the other.
    const own = this.#options.pools ? undefined : this.#pools.close(options);
    await Promise.all([this.#context.replica?.pools.close(options), own]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #directDriver(queryTimeoutMs: number): DriverOptions {
    const { transport, limits } = this.#pools;
    const { redact } = this.#options;
    const { clock } = this.#context;
    return { target: this.#direct, transport, limits: { ...limits, queryTimeoutMs }, clock, redact };
  }
}

function unset(member: string, what: string): never {
  throw new IntegrationError({
    code: "FEATURE_DISABLED",
    service: "neon",
    message: `neon.${member} is off: set ${what}`,
  });
}
