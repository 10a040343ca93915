import { abortedError, IntegrationError, raceSignal } from "../../core/index.ts";
import { type ConnectionPoolManager, type Lease } from "../connection-pool-manager.ts";
import { needsLocalTimeout } from "../pools/drivers.ts";
import { isStatementError, toNeonError } from "./errors.ts";
import { invalid, type QueryFunction, readQueryArguments, type TransactionOptions } from "./neon-options.ts";
import { type DriverResult, type Row, type Rows, toRows } from "./rows.ts";
import { type StatementSource, toStatement } from "./sql.ts";

/** What the function given to `transaction` works with. Over when that function is. */
export interface Transaction {
  readonly query: QueryFunction;
  /** A savepoint: when `fn` rejects, only what it did is undone. */
  transaction<T>(fn: (transaction: Transaction) => Promise<T>): Promise<T>;
}

/** What one attempt came to: the caller's own exception is no failure of the database. */
export type TransactionOutcome<T> = { readonly value: T } | { readonly thrown: unknown };

export interface TransactionContext {
  readonly maxRows: number;
  /** Told of each statement that ran. */
  readonly onStatement: (text: string, rows: number, startedAt: number, name?: string) => void;
  readonly now: () => number;
}

/** One attempt at a transaction: BEGIN, `fn`, COMMIT, on one connection that comes back clean or not at all. */
export async function attemptTransaction<T>(
  pools: ConnectionPoolManager,
  fn: (transaction: Transaction) => Promise<T>,
  options: TransactionOptions,
  context: TransactionContext,
  signal: AbortSignal,
): Promise<TransactionOutcome<T>> {
  const lease = await pools.connect(signal);
  // Whatever `fn` does about it: once the call is over, its connection is.
  const cut = () => lease.discard();
  signal.addEventListener("abort", cut, { once: true });
  const session = new Session(lease, signal, context);
  try {
    await session.control(beginStatement(pools, options));
    let value: T;
    try {
      value = await raceSignal(fn(session.handle()), signal);
    } catch (thrown) {
      await session.rollback();
      if (signal.aborted) throw signal.reason;
      if (session.caused(thrown)) throw thrown;
      return { thrown };
    }
    await session.commit(options.readOnly === true);
    return { value };
  } finally {
    session.over = true;
    signal.removeEventListener("abort", cut);
    lease.release();
  }
}

function beginStatement(pools: ConnectionPoolManager, options: TransactionOptions): string {
  const { isolationLevel, readOnly } = options;
  if (isolationLevel !== undefined && !isolationLevels.has(isolationLevel))
    throw invalid(`isolationLevel must be one of ${[...isolationLevels].join(", ")}`);
  const level = isolationLevel ? ` isolation level ${isolationLevel}` : "";
  const access = readOnly === undefined ? "" : readOnly ? " read only" : " read write";
  const bound = needsLocalTimeout(pools.target, pools.transport)
    ? `; set local statement_timeout = ${pools.limits.queryTimeoutMs}`
    : "";
  return `begin${level}${access}${bound}`;
}
const isolationLevels: ReadonlySet<string> = new Set(["read committed", "repeatable read", "serializable"]);

/** The connection during the transaction: one statement at a time, in the order of the calls. */
class Session {
  over = false;
  readonly #lease: Lease;
  readonly #signal: AbortSignal;
  readonly #context: TransactionContext;
  readonly #errors = new WeakSet<object>();
  #tail: Promise<unknown> = Promise.resolve();
  #savepoints = 0;

  constructor(lease: Lease, signal: AbortSignal, context: TransactionContext) {
    this.#lease = lease;
    this.#signal = signal;
    this.#context = context;
  }

  handle(): Transaction {
    const query = (source: StatementSource, ...rest: unknown[]) => this.#query(source, rest);
    return { query: query, transaction: (fn) => this.#nested(fn) };
  }

  /** True for the errors of this transaction's own statements. */
  caused(thrown: unknown): boolean {
    return typeof thrown === "object" && thrown !== null && this.#errors.has(thrown);
  }

  /** BEGIN and the like: nothing of the transaction stands yet, or its effect is undone with it. */
  control(text: string): Promise<unknown> {
    return this.#inOrder(() => this.#send({ text }, this.#signal));
  }

  async commit(readOnly: boolean): Promise<void> {
    const result = await this.#inOrder(async () => {
      try {
        return await this.#lease.query({ text: "commit" }, this.#signal);
      } catch (thrown) {
        if (this.#signal.aborted) throw this.#signal.reason;
        const refused = isStatementError(thrown) || readOnly;
        throw refused ? this.#failure(thrown, []) : lostCommit(thrown);
      }
    });
    if (result.command === "ROLLBACK")
      throw new IntegrationError({
        code: "QUERY_FAILED",
        message:
          "the transaction was rolled back: a statement in it failed and its error was not passed on; use a nested transaction to recover from one",
        service: "neon",
        operation: "transaction",
      });
  }

  /** Best effort: a connection that cannot roll back is cut, which rolls back too. */
  async rollback(): Promise<void> {
    await this.#tail.catch(() => undefined);
    if (!this.#lease.usable) return;
    await this.#lease.query({ text: "rollback" }, this.#signal).catch(() => this.#lease.discard());
  }

  async #query<R extends object = Row>(source: StatementSource, rest: readonly unknown[]): Promise<Rows<R>> {
    const [values, options] = readQueryArguments(source, rest);
    const { text, params } = toStatement(source, values);
    const startedAt = this.#context.now();
    const result = await this.#inOrder(() => this.#run(text, params, options.signal));
    this.#context.onStatement(text, result.rows.length, startedAt, options.name);
    return toRows<R>(result, options.maxRows ?? this.#context.maxRows, "transaction");
  }

  async #nested<T>(fn: (transaction: Transaction) => Promise<T>): Promise<T> {
    const name = `savepoint_${(this.#savepoints += 1)}`;
    await this.control(`savepoint ${name}`);
    try {
      const value = await fn(this.handle());
      await this.control(`release savepoint ${name}`);
      return value;
    } catch (thrown) {
      // After the loss of the connection there is nothing to go back to; the first error tells why.
      await this.control(`rollback to savepoint ${name}`).catch(() => undefined);
      throw thrown;
    }
  }

  async #run(text: string, params: readonly unknown[], own?: AbortSignal): Promise<DriverResult> {
    const signal = own ? AbortSignal.any([this.#signal, own]) : this.#signal;
    const result = await this.#send({ text, values: [...params], queryMode: "extended" }, signal);
    // Only the WebSocket driver lets several statements of one text through.
    if (Array.isArray(result)) throw this.#own(invalid("one statement per query: split the text, or use batch"));
    return result;
  }

  async #send(config: Parameters<Lease["query"]>[0], signal: AbortSignal): Promise<DriverResult> {
    try {
      return await this.#lease.query(config, signal);
    } catch (thrown) {
      if (this.#signal.aborted) throw this.#signal.reason;
      if (signal.aborted) throw abortedError({ service: "neon", operation: "transaction" }, signal.reason);
      throw this.#failure(thrown, config.values ?? []);
    }
  }

  /** Until COMMIT is sent, whatever fails leaves nothing behind. */
  #failure(thrown: unknown, params: readonly unknown[]): IntegrationError {
    const facts = { operation: "transaction", phase: "query", repeatable: true, rolledBack: true } as const;
    return this.#own(toNeonError(thrown, { ...facts, params }));
  }

  #own(error: IntegrationError): IntegrationError {
    this.#errors.add(error);
    return error;
  }

  #inOrder<T>(step: () => Promise<T>): Promise<T> {
    if (this.over) return Promise.reject(invalid("the transaction is over: await every statement inside its function"));
    const next = this.#tail.then(step, step);
    this.#tail = next.catch(() => undefined);
    return next;
  }
}

function lostCommit(cause: unknown): IntegrationError {
  return new IntegrationError({
    code: "OUTCOME_UNKNOWN",
    message:
      "the answer to COMMIT was lost: the transaction may or may not have been committed; read back what it should have written before doing it again",
    service: "neon",
    operation: "transaction",
    cause,
  });
}
