import {
  type CallRunner,
  type CallSpec,
  type FetchLike,
  type HedgeRule,
  IntegrationError,
  type Priority,
  type Secret,
  type TokenVerifier,
} from "../../core/index.ts";
import { type ConnectionPoolManager, type PoolOptions } from "../connection-pool-manager.ts";
import { type NeonDataApi } from "./data-api/index.ts";
import { type NeonAdmin } from "./management/index.ts";
import { type Rows, type Row } from "./rows.ts";
import { type SqlFragment, type StatementSource } from "./sql.ts";

/** Give either a connection string (then the client makes and closes its own pool) or a ready pool. */
export interface NeonClientOptions extends Partial<PoolOptions> {
  /** A pool to share; it stays the giver's to close. Its options win over those given here. */
  readonly pools?: ConnectionPoolManager | undefined;
  /** For LISTEN and migrations. @defaultValue the connection string without Neon's `-pooler` */
  readonly directConnectionString?: string | Secret | undefined;
  /**
   * How often `listen` asks its connection for a sign of life, 0 to 86400000 ms: one that gives none within the same time
   * again is made anew. 0 asks nothing, so that a path that died without a word is never noticed.
   * @defaultValue 10000
   */
  readonly listenKeepAliveMs?: number | undefined;
  /** A read replica of the same database, for reads that say `replica: true`; the client makes and closes its pool. */
  readonly replicaConnectionString?: string | Secret | undefined;
  /**
   * Where plain reads go that say nothing. A replica is a little behind: who has just written may not see it there.
   * @defaultValue "primary"
   */
  readonly reads?: "primary" | "replica" | undefined;
  /**
   * The policies that each call runs under. @defaultValue one attempt under a deadline; of a transaction that lost a
   * conflict (40001, 40P01) four
   */
  readonly runner?: CallRunner | undefined;
  /** Rows that one statement may return, 1 or more (MAX_QUERY_RESULTS). @defaultValue 10000 */
  readonly maxRows?: number | undefined;
  /** @defaultValue the global `fetch`, looked up per request */
  readonly fetch?: FetchLike | undefined;
  /** Needed by `asUser` with a token. */
  readonly verifier?: TokenVerifier | undefined;
  /** Writes each statement's text to the logger at debug level; parameters never. @defaultValue false */
  readonly sqlLogging?: boolean | undefined;
  /**
   * For reads that ask to be cached; `false` sends them all (ENABLE_QUERY_CACHE, CACHE_TTL). The cache is the runner's:
   * a client without the pipeline has none.
   */
  readonly queryCache?: QueryCacheOptions | false | undefined;
  /**
   * Dimension of the embedding column, fixed by the first migration (OLLAMA_EMBED_MODEL's), or who knows it; asked only
   * when a migration runs, with what may end that call. @defaultValue 768
   */
  readonly embeddingDimensions?:
    | number
    | ((call: { readonly signal?: AbortSignal; readonly parent?: CallSpec["parent"] }) => Promise<number>)
    | undefined;
  /** The management API. @defaultValue none: `admin` is FEATURE_DISABLED */
  readonly admin?: NeonAdmin | undefined;
  /** The Data API. @defaultValue none: `dataApi` is FEATURE_DISABLED */
  readonly dataApi?: NeonDataApi | undefined;
}

export const neonDefaults = { maxRows: 10_000, embeddingDimensions: 768, listenKeepAliveMs: 10_000 } as const;

export interface QueryCacheOptions {
  /** How long an answer is as good as new, ms. @defaultValue 60000 */
  readonly ttlMs?: number | undefined;
  /** How long after that it is given where the database cannot answer, ms. @defaultValue 300000 */
  readonly staleIfErrorMs?: number | undefined;
}

/** How one read is cached. */
export interface QueryCacheRule extends QueryCacheOptions {
  /** How long after `ttlMs` it is still given at once while a newer one is fetched, ms. @defaultValue 0 */
  readonly staleWhileRevalidateMs?: number | undefined;
  /**
   * Names beside the tables in its text whose change makes it wrong: what a view is made of, what a trigger writes.
   * `neon.forget(tag)` and writes to a table of that name forget it.
   */
  readonly tags?: readonly string[] | undefined;
}

export interface CallOptions {
  /** The caller's wish to stop. */
  readonly signal?: AbortSignal | undefined;
  /** Total time, ms. @defaultValue the runner's */
  readonly deadlineMs?: number | undefined;
  readonly priority?: Priority | undefined;
  /** The attempt that makes this call: its deadline and signal hold for this call too. */
  readonly parent?: CallSpec["parent"] | undefined;
}

export interface QueryOptions extends CallOptions {
  /** The statement may be sent twice. @defaultValue true only for what is provably a plain read */
  readonly idempotent?: boolean | undefined;
  /** Rows that it may return, a whole number from 1, or Infinity. @defaultValue the client's */
  readonly maxRows?: number | undefined;
  /** Names the statement in events and logs instead of its fingerprint. */
  readonly name?: string | undefined;
  /**
   * A replica may answer, and may be a little behind; the primary does where there is none, or it fails, and for reads
   * that are cached. Plain reads only, or what is `idempotent`. @defaultValue the client's `reads`
   */
  readonly replica?: boolean | undefined;
  /**
   * A second attempt beside a slow first one, where running it twice is the same as running it once; the loser is
   * cancelled on the server too. `true`: as the runner's policy says, else after the 0.95 quantile. Needs the pipeline.
   * @defaultValue the runner's
   */
  readonly hedge?: boolean | HedgeRule | undefined;
  /**
   * The answer may come from the cache, and go into it; `rows.meta` tells which it was. Writes through this client to a
   * table that the read names make it forgotten at once, those of others after `ttlMs`. For reads; not in transactions.
   * @defaultValue false
   */
  readonly cache?: boolean | QueryCacheRule | undefined;
}

export interface StreamOptions extends CallOptions {
  /** Rows per round trip, and so in memory at once, 1 to 100000. @defaultValue 500 */
  readonly batchRows?: number | undefined;
  /** Longest wait for the next rows, ms; the consumer's own time does not count. @defaultValue the runner's */
  readonly idleTimeoutMs?: number | undefined;
  /** As for `query`. */
  readonly name?: string | undefined;
}

export const streamDefaults = { batchRows: 500 } as const;

export interface StreamFunction {
  /**
   * The rows of a large result, a batch at a time. Leaving the loop closes the cursor and gives the connection back.
   *
   * @throws IntegrationError READ_ONLY for a statement that writes, and what `query` throws
   * @example
   * for await (const row of neon.stream<{ id: string }>`select id from listings`) await send(row);
   */
  <R extends object = Row>(template: TemplateStringsArray, ...values: unknown[]): AsyncGenerator<R, void, undefined>;
  <R extends object = Row>(
    statement: string | SqlFragment,
    params?: readonly unknown[],
    options?: StreamOptions,
  ): AsyncGenerator<R, void, undefined>;
}

export interface QueryFunction {
  /**
   * Runs one statement. Values of the template become parameters, fragments become text.
   *
   * @throws IntegrationError QUERY_FAILED, CONFLICT (a constraint), FORBIDDEN, NETWORK, INVALID_OUTPUT (too many rows) …
   * @example
   * const rows = await neon.query<{ id: string }>`select id from listings where zipcode = ${zipcode}`;
   */
  <R extends object = Row>(template: TemplateStringsArray, ...values: unknown[]): Promise<Rows<R>>;
  <R extends object = Row>(
    statement: string | SqlFragment,
    params?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<Rows<R>>;
}

export type IsolationLevel = "read committed" | "repeatable read" | "serializable";

export interface TransactionOptions extends CallOptions {
  /** @defaultValue the database's, usually read committed */
  readonly isolationLevel?: IsolationLevel | undefined;
  readonly readOnly?: boolean | undefined;
  /**
   * Whether `fn` may run again after the database rolled everything back (serialization failure, deadlock, connection
   * lost before COMMIT). Switch it off if `fn` has effects outside the database. @defaultValue true
   */
  readonly retry?: boolean | undefined;
}

export interface BatchOptions extends CallOptions {
  readonly isolationLevel?: IsolationLevel | undefined;
  readonly readOnly?: boolean | undefined;
  /** @defaultValue true only if every statement is provably a plain read */
  readonly idempotent?: boolean | undefined;
  readonly maxRows?: number | undefined;
}

/** One statement of a batch. */
export type BatchStatement = SqlFragment | { readonly text: string; readonly params?: readonly unknown[] };

const callOptionNames = ["signal", "deadlineMs", "priority", "parent"];
const queryOptionNames = [...callOptionNames, "idempotent", "maxRows", "name", "hedge", "cache", "replica"];
const streamOptionNames = [...callOptionNames, "batchRows", "idleTimeoutMs", "name"];

/** Tells the two forms of {@link QueryFunction} apart. */
export function readQueryArguments(
  source: StatementSource,
  rest: readonly unknown[],
): [readonly unknown[], QueryOptions] {
  return readArguments<QueryOptions>("query", queryOptionNames, source, rest);
}

/** Tells the two forms of {@link StreamFunction} apart. */
export function readStreamArguments(
  source: StatementSource,
  rest: readonly unknown[],
): [readonly unknown[], StreamOptions] {
  return readArguments<StreamOptions>("stream", streamOptionNames, source, rest);
}

function readArguments<O extends object>(
  method: string,
  names: readonly string[],
  source: StatementSource,
  rest: readonly unknown[],
): [readonly unknown[], O | Record<string, never>] {
  if (typeof source === "object" && Array.isArray(source)) return [rest, {}];
  const [params = [], options = {}] = rest as [(readonly unknown[])?, O?];
  if (!Array.isArray(params))
    throw invalid(
      `${method}'s second argument is the array of parameters, its third the options (${names.join(", ")})`,
    );
  const { maxRows } = options as { readonly maxRows?: number };
  if (maxRows !== undefined) checkMaxRows(maxRows);
  return [params, options];
}

/** @throws IntegrationError INVALID_INPUT: a cap that is no number would cap nothing */
export function checkMaxRows(maxRows: number): void {
  if (maxRows !== Infinity && !(Number.isInteger(maxRows) && maxRows >= 1))
    throw invalid(`maxRows must be a whole number, or Infinity, from 1, got ${String(maxRows)}`);
}

export function invalid(message: string): IntegrationError {
  return new IntegrationError({ code: "INVALID_INPUT", message, service: "neon" });
}
