import { neon } from "@neondatabase/serverless";
import { type AttemptContext, type Clock, type FetchLike, LinkedSignal, timeoutError } from "../../core/index.ts";
import { type ConnectionPoolManager, type Lease } from "../connection-pool-manager.ts";
import { connectionStringOf } from "./connection-string.ts";
import { type FailureContext, toNeonError } from "./errors.ts";
import { fetchOptionsOf, newExchange } from "./http-exchange.ts";
import { type BatchOptions, type IsolationLevel } from "./neon-options.ts";
import { type DriverResult } from "./rows.ts";
import { type Statement } from "./sql.ts";

/** Runs single statements, and batches where that takes one round trip. */
export interface Executor {
  readonly transport: "http" | "websocket" | "tcp";
  /** @param startedAt a fresh reading of the clock */
  execute(
    statement: Statement,
    attempt: AbortableAttempt,
    repeatable: boolean,
    startedAt: number,
  ): Promise<DriverResult>;
  /** All or nothing, in one request. */
  batch?(
    statements: readonly Statement[],
    signal: AbortSignal,
    repeatable: boolean,
    options: Pick<BatchOptions, "isolationLevel" | "readOnly">,
  ): Promise<DriverResult[]>;
}

/** What a statement needs to know of the attempt that runs it. */
export type AbortableAttempt = Pick<AttemptContext, "signal" | "onAbort">;

/** One statement on one pooled connection, in PostgreSQL's own protocol. */
export class PoolExecutor implements Executor {
  readonly #pools: ConnectionPoolManager;

  constructor(pools: ConnectionPoolManager) {
    this.#pools = pools;
  }

  get transport(): "websocket" | "tcp" {
    return this.#pools.transport;
  }

  /** Plain callbacks where a connection is at hand: this is the path of every statement, and each promise counts. */
  execute(statement: Statement, attempt: AbortableAttempt, repeatable: boolean, startedAt: number) {
    const lease = this.#pools.connectNow();
    return lease
      ? this.#run(lease, statement, attempt, repeatable, startedAt)
      : this.#pools.connect(attempt.signal).then((made) => this.#run(made, statement, attempt, repeatable, startedAt));
  }

  #run(
    lease: Lease,
    { text, params }: Statement,
    attempt: AbortableAttempt,
    repeatable: boolean,
    startedAt: number,
  ): Promise<DriverResult> {
    return new Promise((resolve, reject) => {
      // Extended on purpose: the simple protocol would run several statements in one text, which HTTP refuses.
      const config = { text, values: params as unknown[], queryMode: "extended" as const };
      let isGivenUp = false;
      const giveUp = lease.run(config, startedAt, (thrown, result) => {
        lease.release();
        if (thrown === undefined) resolve(result as DriverResult);
        else if (isGivenUp) reject(thrown);
        else reject(toNeonError(thrown, { operation: "query", phase: "query", repeatable, params }));
      });
      onAbort(attempt, (reason) => {
        isGivenUp = true;
        giveUp(reason);
      });
    });
  }
}

/** By the attempt's own way where it has one: no listener, and no signal to listen to. */
function onAbort(attempt: AbortableAttempt, tell: (reason: unknown) => void): void {
  if (attempt.onAbort) return attempt.onAbort(tell);
  const { signal } = attempt;
  if (signal.aborted) tell(signal.reason);
  else signal.addEventListener("abort", () => tell(signal.reason), { once: true });
}

export interface HttpExecutorOptions {
  readonly pools: ConnectionPoolManager;
  readonly fetch: FetchLike | undefined;
  readonly clock: Clock;
}

/** Statements as HTTP requests: no connection to keep, to lose or to wait for. */
export class HttpExecutor implements Executor {
  readonly transport = "http";
  readonly #options: HttpExecutorOptions;
  /** Made once: it takes the connection string apart each time. */
  #driver: Driver | undefined;

  constructor(options: HttpExecutorOptions) {
    this.#options = options;
  }

  execute({ text, params }: Statement, { signal }: AbortableAttempt, repeatable: boolean): Promise<DriverResult> {
    const context = { operation: "query", phase: "query", repeatable, params } as const;
    return this.#send(context, signal, (sql, fetchOptions) => {
      const answer: PromiseLike<unknown> = sql.query(text, [...params], { fetchOptions });
      return answer as PromiseLike<DriverResult>;
    });
  }

  batch(
    statements: readonly Statement[],
    signal: AbortSignal,
    repeatable: boolean,
    options: Pick<BatchOptions, "isolationLevel" | "readOnly">,
  ): Promise<DriverResult[]> {
    const params = statements.flatMap((statement) => statement.params);
    const context = { operation: "batch", phase: "query", repeatable, params } as const;
    return this.#send(context, signal, (sql, fetchOptions) => {
      const queries = statements.map(({ text, params }) => sql.query(text, [...params]));
      const isolationLevel = options.isolationLevel && driverIsolationLevels[options.isolationLevel];
      return sql.transaction(queries, {
        fullResults: true,
        fetchOptions,
        ...(isolationLevel && { isolationLevel }),
        ...(options.readOnly !== undefined && { readOnly: options.readOnly }),
      });
    });
  }

  /** The driver's promises are lazy, and run again when awaited again: they are made and awaited here, once. */
  async #send<T>(
    context: FailureContext,
    signal: AbortSignal,
    run: (sql: Driver, fetchOptions: Record<string, unknown>) => PromiseLike<T>,
  ): Promise<T> {
    const { pools, fetch, clock } = this.#options;
    const exchange = newExchange(pools.target, fetch);
    const spec = { service: "neon", operation: context.operation };
    const { queryTimeoutMs } = pools.limits;
    const linked = new LinkedSignal()
      .follow(signal)
      .after(queryTimeoutMs, clock, () => timeoutError("ATTEMPT_TIMEOUT", spec, queryTimeoutMs));
    try {
      const result = await run((this.#driver ??= this.#connect()), fetchOptionsOf(exchange, linked.signal));
      pools.observe("answered");
      return result;
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      const failure = linked.signal.aborted ? new Error("Query read timeout", { cause: thrown }) : thrown;
      const error = toNeonError(failure, { ...context, exchange, wallNow: clock.wallNow() });
      if (error.code === "NETWORK") pools.observe("connect-failed", error.message);
      else if (error.sqlState !== undefined) pools.observe("answered");
      throw error;
    } finally {
      linked.dispose();
    }
  }

  /** Sends nothing yet. */
  #connect(): Driver {
    const { target, limits } = this.#options.pools;
    const connectionString = connectionStringOf(target, limits.applicationName);
    return neon(connectionString.reveal(), { fullResults: true, disableWarningInBrowsers: true });
  }
}

type Driver = ReturnType<typeof neon<false, true>>;

const driverIsolationLevels = {
  "read committed": "ReadCommitted",
  "repeatable read": "RepeatableRead",
  serializable: "Serializable",
} as const satisfies Record<IsolationLevel, string>;
