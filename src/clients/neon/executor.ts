import { type AttemptContext, type Clock, type FetchLike, LinkedSignal } from "../../core/index.ts";
import { type ConnectionPoolManager, type Lease } from "../connection-pool-manager.ts";
import { type FailureContext, isReadTimeout, isUnreached, readTimeout, toNeonError } from "./errors.ts";
import { type HttpExchange, HttpSql } from "./http-exchange.ts";
import { type BatchOptions } from "./neon-options.ts";
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
      : this.#pools.connect(attempt.signal).then((made) => this.#run(made, statement, attempt, repeatable));
  }

  #run(
    lease: Lease,
    statement: Statement,
    attempt: AbortableAttempt,
    repeatable: boolean,
    startedAt?: number,
  ): Promise<DriverResult> {
    return new Promise((resolve, reject) => {
      let isGivenUp = false;
      const giveUp = lease.run(
        statement,
        (thrown, result) => {
          lease.release();
          if (thrown === undefined) resolve(result!);
          else if (isGivenUp) reject(thrown);
          else
            reject(toNeonError(thrown, { operation: "query", phase: "query", repeatable, params: statement.params }));
        },
        startedAt,
      );
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
  readonly #sql: HttpSql;

  constructor(options: HttpExecutorOptions) {
    this.#options = options;
    const { target, limits } = options.pools;
    this.#sql = new HttpSql(target, limits.applicationName, options.fetch);
  }

  execute(statement: Statement, attempt: AbortableAttempt, repeatable: boolean): Promise<DriverResult> {
    const context = { operation: "query", phase: "query", repeatable, params: statement.params } as const;
    return this.#send(context, attempt, (exchange, signal) => this.#sql.query(statement, exchange, signal));
  }

  batch(
    statements: readonly Statement[],
    signal: AbortSignal,
    repeatable: boolean,
    options: Pick<BatchOptions, "isolationLevel" | "readOnly">,
  ): Promise<DriverResult[]> {
    const params = statements.flatMap((statement) => statement.params);
    const context = { operation: "batch", phase: "query", repeatable, params } as const;
    return this.#send(context, { signal }, (exchange, linked) =>
      this.#sql.batch(statements, options, exchange, linked),
    );
  }

  async #send<T>(
    context: FailureContext,
    attempt: AbortableAttempt,
    run: (exchange: HttpExchange, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { pools, clock } = this.#options;
    const exchange: HttpExchange = { sent: false };
    const linked = new LinkedSignal();
    const leave = pools.requests.enter((reason) => linked.abort(reason));
    linked.after(pools.limits.queryTimeoutMs, clock, readTimeout);
    if (attempt.onAbort) attempt.onAbort((reason) => linked.abort(reason));
    else linked.follow(attempt.signal);
    try {
      const result = await run(exchange, linked.signal);
      pools.observe("answered");
      return result;
    } catch (thrown) {
      const { aborted, reason } = linked.signal as { aborted: boolean; reason: unknown };
      if (aborted && !isReadTimeout(reason)) throw reason;
      const failure = aborted ? reason : thrown;
      const error = toNeonError(failure, { ...context, exchange, wallNow: clock.wallNow() });
      if (isUnreached(error)) pools.observe("connect-failed", error.message);
      else if (error.sqlState !== undefined) pools.observe("answered");
      throw error;
    } finally {
      leave();
      linked.dispose();
    }
  }
}
