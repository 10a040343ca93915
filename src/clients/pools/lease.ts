import type pg from "pg";
import { type Redact } from "../../core/index.ts";
import { isReadTimeout, isStatementError } from "../neon/errors.ts";
import { cleanFailure, withLastWords } from "./drivers.ts";
import { singleQuery } from "./single-query.ts";
import { StatementQuery, type StatementResult } from "./statement-query.ts";
import { type StatementWatch } from "./statement-watch.ts";

export interface LeaseHooks {
  /** A statement was given up after so many ms without an answer. */
  readonly onSilence: (silentMs: number) => void;
  /** Monotonic, ms. */
  readonly now: () => number;
  /** Bounds single statements; pg does so for its own queries. */
  readonly watch: StatementWatch;
  /** Takes secrets out of what the server says. */
  readonly redact?: Redact | undefined;
}

/** One statement: the server refuses a text of several. */
export interface SingleStatement {
  readonly text: string;
  readonly params: readonly unknown[];
}

type Done<R> = (thrown: unknown, result?: R) => void;
type Answered<R> = (error: Error | null | undefined, result?: R) => void;
type GiveUp = (reason: unknown) => void;

/** One connection, lent by the pool. */
export class Lease {
  readonly #client: pg.PoolClient;
  readonly #hooks: LeaseHooks;
  #running = 0;
  #broken = false;
  #over = false;

  constructor(client: pg.PoolClient, hooks: LeaseHooks) {
    this.#client = client;
    this.#hooks = hooks;
  }

  /** False once the connection failed or was given up. */
  get usable(): boolean {
    return !this.#broken && !this.#over;
  }

  /**
   * pg's own query, several statements or a query object of another kind (COPY). Rejects with the driver's own error, or
   * with the signal's reason; then the connection is not used again.
   */
  query(config: pg.QueryConfig, signal?: AbortSignal): Promise<pg.QueryResult> {
    return this.#promised(signal, (done) =>
      this.#start<pg.QueryResult>(this.#hooks.now(), done, (answered) => {
        // A query object of its own tells its end itself.
        if ("submit" in config) this.#client.query(config).then((result) => answered(null, result), answered);
        else this.#client.query(config, answered);
      }),
    );
  }

  /**
   * {@link query} of what another tool wrote, in the extended protocol whatever its parameters: there the server refuses
   * a text of several statements, of which a second one could end the transaction.
   */
  querySingle(config: pg.QueryConfig, signal?: AbortSignal): Promise<pg.QueryResult> {
    return this.#promised(signal, (done) =>
      this.#start<pg.QueryResult>(this.#hooks.now(), done, (answered) =>
        this.#client.query(singleQuery(this.#client, config, answered)),
      ),
    );
  }

  /** {@link query} of a single statement. */
  single(statement: SingleStatement, signal?: AbortSignal): Promise<StatementResult> {
    return this.#promised(signal, (done) => this.run(statement, done));
  }

  /**
   * {@link single} for the path of every call, where each promise and each listener counts.
   *
   * @param done told the answer, or why there is none
   * @param startedAt a fresh reading of the clock, where there is one: not of before a wait, which is no time of the statement's
   * @returns a function that gives the statement up, for a reason
   */
  run({ text, params }: SingleStatement, done: Done<StatementResult>, startedAt = this.#hooks.now()): GiveUp {
    let encoded: Uint8Array;
    try {
      encoded = StatementQuery.encode(text, params);
    } catch (thrown) {
      done(thrown); // the connection has heard nothing of it
      return () => undefined;
    }
    const { watch } = this.#hooks;
    let query: StatementQuery | undefined;
    const over: Done<StatementResult> = (thrown, result) => {
      if (query) watch.delete(query);
      done(thrown, result);
    };
    return this.#start<StatementResult>(startedAt, over, (answered) => {
      query = new StatementQuery(this.#client, encoded, startedAt, answered);
      watch.add(query);
      query.send();
    });
  }

  #promised<R>(signal: AbortSignal | undefined, start: (done: Done<R>) => GiveUp): Promise<R> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      let giveUp: GiveUp = () => undefined;
      const onAbort = () => giveUp(signal!.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      giveUp = start((thrown, result) => {
        signal?.removeEventListener("abort", onAbort);
        if (thrown === undefined) resolve(result!);
        else reject(thrown);
      });
    });
  }

  #start<R>(startedAt: number, done: Done<R>, begin: (answered: Answered<R>) => void): GiveUp {
    this.#running += 1;
    let isOver = false;
    const end = (thrown: unknown, result: R | undefined, isUnfinished: boolean) => {
      if (isOver) return; // late news of a statement that was given up
      isOver = true;
      if (!isUnfinished) this.#running -= 1;
      else this.#hooks.onSilence(this.#hooks.now() - startedAt);
      if (thrown !== undefined && !isStatementError(thrown)) this.#broken = true;
      done(thrown, result);
    };
    try {
      begin((thrown, result) =>
        thrown ? end(this.#explained(thrown), undefined, isReadTimeout(thrown)) : end(undefined, result, false),
      );
    } catch (thrown) {
      end(thrown, undefined, false);
    }
    return (reason) => end(reason, undefined, true);
  }

  #explained(thrown: unknown): unknown {
    return cleanFailure(withLastWords(this.#client, thrown), this.#hooks);
  }

  /** Back to the pool; a connection that failed, or still runs a statement, is cut instead. Twice is harmless. */
  release(): void {
    if (this.#over) return;
    if (this.#broken || this.#running > 0) return this.discard();
    this.#over = true;
    this.#client.release();
  }

  /** Out of the pool at once, and cut; what still runs there is cancelled on the server first. */
  discard(): void {
    if (this.#over) return;
    this.#over = true;
    this.#client.release(true);
  }
}
