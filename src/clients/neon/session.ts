import type pg from "pg";
import { abortedError, type AttemptContext, IntegrationError } from "../../core/index.ts";
import { type Lease } from "../connection-pool-manager.ts";
import { type BulkInserter } from "./bulk/bulk-insert.ts";
import { type BulkInsertOptions, type BulkRow } from "./bulk/bulk-options.ts";
import { type CopyIn } from "./bulk/copy-in.ts";
import { type ClientContext } from "./client-context.ts";
import { cursorSteps } from "./cursor.ts";
import { isNeverSent, isStatementError, toNeonError } from "./errors.ts";
import { invalid, readQueryArguments, readStreamArguments } from "./neon-options.ts";
import { type DriverResult, type Row, type Rows, toResult, toRows } from "./rows.ts";
import { identifier, type Statement, type StatementSource, toStatement } from "./sql.ts";
import { statementFacts } from "./statement-facts.ts";
import { controlOf } from "./transaction-control.ts";
import { transactionPool } from "./transaction-pool.ts";
import { setClaims } from "./user-claims.ts";
import { refuseUserChange } from "./user-guard.ts";
import { type Transaction } from "./transaction-types.ts";

/** The connection during a transaction: one statement at a time, in the order of the calls. */
export class Session {
  over = false;
  readonly #lease: Lease;
  readonly #attempt: AttemptContext;
  readonly #signal: AbortSignal;
  readonly #context: ClientContext;
  readonly #bulk: BulkInserter;
  readonly #errors = new WeakSet<object>();
  #tail: Promise<unknown> = Promise.resolve();
  readonly #written = new Set<string>();
  /** It is a user's from here on. */
  #isUsers = false;
  #names = 0;

  constructor(lease: Lease, attempt: AttemptContext, context: ClientContext, bulk: BulkInserter) {
    this.#lease = lease;
    this.#attempt = attempt;
    this.#signal = attempt.signal;
    this.#context = context;
    this.#bulk = bulk;
  }

  handle(): Transaction {
    let nested: Promise<unknown> = Promise.resolve();
    const query = (source: StatementSource, ...rest: unknown[]) => this.#query(source, rest);
    const stream = (source: StatementSource, ...rest: unknown[]) => this.#stream(source, rest);
    return {
      query,
      stream,
      bulkInsert: (table, rows, options) => this.#bulkInsert(table, rows, options),
      pool: transactionPool((config) => {
        const { text, values: params = [] } = config;
        const statement = { text, params };
        this.#admit(statement);
        return this.#reported(statement, undefined, () =>
          this.#inOrder(() => this.#sent(this.#lease.querySingle(config, this.#signal), params, this.#signal)),
        );
      }),
      // Two savepoints side by side would release and undo each other's.
      transaction: <T>(fn: (transaction: Transaction) => Promise<T>): Promise<T> => {
        const step = () => this.#nested(fn);
        const running = nested.then(step, step);
        nested = running.catch(() => undefined);
        return running;
      },
    };
  }

  /** The error of one of this transaction's own statements, if this is one, or was made of one: tools wrap theirs. */
  causeOf(thrown: unknown): IntegrationError | undefined {
    let inner = thrown;
    for (let depth = 0; depth < 8 && typeof inner === "object" && inner !== null; depth += 1) {
      if (this.#errors.has(inner)) return inner as IntegrationError;
      inner = (inner as { cause?: unknown }).cause;
    }
    return undefined;
  }

  /** Once it is over, whatever came of it: what it wrote may be there for all to see. */
  forgetReads(): void {
    for (const text of this.#written) this.#context.cache.wrote(text);
  }

  /** BEGIN and the like: nothing of the transaction stands yet, or its effect is undone with it. */
  control(text: string): Promise<unknown> {
    return this.#inOrder(() => this.#send({ text }, this.#signal));
  }

  /** One statement with its parameters, in its turn. */
  run({ text, params }: Statement, signal?: AbortSignal): Promise<DriverResult> {
    return this.#inOrder(() => this.#run(text, params, signal));
  }

  async commit(readOnly: boolean): Promise<void> {
    const result = await this.#inOrder(async () => {
      try {
        return await this.#lease.query({ text: "commit" }, this.#signal);
      } catch (thrown) {
        if (this.#signal.aborted) throw this.#signal.reason;
        const isUndone = isStatementError(thrown) || readOnly || isNeverSent(thrown);
        throw isUndone ? this.#failure(thrown, []) : lostCommit(thrown);
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
    const statement = toStatement(source, values);
    refuseControl(statement);
    if ("hedge" in options || "cache" in options) throw invalid("hedge and cache are for reads outside transactions");
    this.#admit(statement);
    const result = await this.#reported(statement, options.name, () => this.run(statement, options.signal));
    return toRows<R>(result, options.maxRows ?? this.#context.maxRows, "transaction");
  }

  async *#stream(source: StatementSource, rest: readonly unknown[]): AsyncGenerator<object, void, undefined> {
    const [values, options] = readStreamArguments(source, rest);
    const statement = toStatement(source, values);
    refuseControl(statement);
    this.#admit(statement);
    const name = `cursor_${(this.#names += 1)}`;
    const startedAt = this.#context.clock.now();
    let rows = 0;
    try {
      for await (const result of cursorSteps(name, statement, options, (each) => this.run(each, options.signal))) {
        rows += result.rows.length;
        yield* result.rows as object[];
      }
      this.#context.told({ ...statement, rows, startedAt, name: options.name, by: this.#attempt }, this.#transport);
    } catch (thrown) {
      this.#failed(statement, thrown, startedAt, options.name);
      throw thrown;
    } finally {
      if (!this.over && this.#lease.usable) await this.control(`close ${name}`).catch(() => undefined);
    }
  }

  async #bulkInsert<R extends object>(
    table: string,
    rows: readonly BulkRow[],
    options: BulkInsertOptions = {},
  ): Promise<Rows<R>> {
    const signal = options.signal;
    this.#mayWrite(`insert into ${identifier(table).compile().text}`);
    return this.#bulk.insert<R>(table, rows, options, {
      run: (statement) => this.run(statement, signal),
      runAll: async (statements) => {
        const results: DriverResult[] = [];
        for (const { text, params } of statements)
          results.push(toResult(await this.#query(text, [params, { signal, maxRows: Infinity }])));
        return results;
      },
      copy: (copyIn) => this.#copy(copyIn),
      told: (statement, result, startedAt) => this.#told(statement, result, startedAt, options.name),
      failed: (statement, thrown, startedAt) => this.#failed(statement, thrown, startedAt, options.name),
    });
  }

  async #copy(copyIn: CopyIn): Promise<number> {
    await this.#inOrder(() => this.#send(copyIn as unknown as pg.QueryConfig, this.#signal));
    return copyIn.rowCount;
  }

  async #nested<T>(fn: (transaction: Transaction) => Promise<T>): Promise<T> {
    const name = `savepoint_${(this.#names += 1)}`;
    await this.control(`savepoint ${name}`);
    try {
      const value = await fn(this.handle());
      await this.control(`release savepoint ${name}`);
      return value;
    } catch (thrown) {
      // After the loss of the connection there is nothing to go back to; the first error tells why. Both in one round
      // trip: a savepoint that is only gone back to stays, and a loop would pile them up.
      await this.control(`rollback to savepoint ${name}; release savepoint ${name}`).catch(() => undefined);
      throw thrown;
    }
  }

  async #run(text: string, params: readonly unknown[], own?: AbortSignal): Promise<DriverResult> {
    const signal = own ? AbortSignal.any([this.#signal, own]) : this.#signal;
    return this.#sent(this.#lease.single({ text, params }, signal), params, signal);
  }

  #send(config: pg.QueryConfig, signal: AbortSignal): Promise<pg.QueryResult> {
    return this.#sent(this.#lease.query(config, signal), config.values ?? [], signal);
  }

  async #sent<R>(answer: Promise<R>, params: readonly unknown[], signal: AbortSignal): Promise<R> {
    try {
      return await answer;
    } catch (thrown) {
      if (this.#signal.aborted) throw this.#signal.reason;
      if (signal.aborted) throw abortedError({ service: "neon", operation: "transaction" }, signal.reason);
      throw this.#failure(thrown, params);
    }
  }

  /** Whether it may run here, and what it may have changed. */
  #admit(statement: Statement): void {
    const { text } = statement;
    if (text === setClaims) this.#isUsers = true;
    else {
      if (this.#isUsers) refuseUserChange(statement);
      this.#mayWrite(text);
    }
  }

  #mayWrite(text: string): void {
    if (!statementFacts(text).plainRead) this.#written.add(text);
  }

  /** Tells of a statement, whatever becomes of it. */
  async #reported<R extends DriverResult>(
    statement: Statement,
    name: string | undefined,
    run: () => Promise<R>,
  ): Promise<R> {
    const startedAt = this.#context.clock.now();
    try {
      const result = await run();
      this.#told(statement, result, startedAt, name);
      return result;
    } catch (thrown) {
      this.#failed(statement, thrown, startedAt, name);
      throw thrown;
    }
  }

  #told(statement: Statement, result: DriverResult, startedAt: number, name?: string): void {
    const rows = result.rows.length;
    this.#context.told({ ...statement, rows, startedAt, name, by: this.#attempt }, this.#transport);
  }

  #failed(statement: Statement, thrown: unknown, startedAt: number, name?: string): void {
    this.#context.failed({ ...statement, startedAt, name, by: this.#attempt }, this.#transport, thrown);
  }

  get #transport(): string {
    return this.#context.pools.transport;
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

/** Whoever commits by hand goes on outside the transaction, without its user, its level and its promise to undo. */
function refuseControl({ text }: Statement): void {
  const control = controlOf(text);
  if (control !== undefined)
    throw invalid(
      "a transaction begins and ends with its function: throw to roll back, return to commit, and use transaction() for a savepoint",
    );
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
