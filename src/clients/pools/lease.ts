import type pg from "pg";
import { isReadTimeout, isStatementError } from "../neon/errors.ts";

export interface LeaseHooks {
  /** A statement was given up after so many ms without an answer. */
  readonly onSilence: (silentMs: number) => void;
  /** Monotonic, ms. */
  readonly now: () => number;
}

type Statement = pg.QueryConfig & { queryMode?: "extended" };

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

  /** Rejects with the driver's own error, or with the signal's reason; then the connection is not used again. */
  query(config: Statement, signal?: AbortSignal): Promise<pg.QueryResult> {
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const giveUp = this.run(config, this.#hooks.now(), (thrown, result) => {
        signal?.removeEventListener("abort", onAbort);
        if (thrown === undefined) resolve(result!);
        else reject(thrown);
      });
      const onAbort = () => giveUp(signal!.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /**
   * {@link query} for the path of every call, where each promise and each listener counts.
   *
   * @param startedAt a fresh reading of the clock
   * @returns a function that gives the statement up, for a reason
   */
  run(
    config: Statement,
    startedAt: number,
    done: (thrown: unknown, result?: pg.QueryResult) => void,
  ): (reason: unknown) => void {
    this.#running += 1;
    let isOver = false;
    const end = (thrown: unknown, result: pg.QueryResult | undefined, isUnfinished: boolean) => {
      if (isOver) return; // late news of a statement that was given up
      isOver = true;
      if (!isUnfinished) this.#running -= 1;
      else this.#hooks.onSilence(this.#hooks.now() - startedAt);
      if (thrown !== undefined && !isStatementError(thrown)) this.#broken = true;
      done(thrown, result);
    };
    const answered = (thrown: Error | null, result?: pg.QueryResult) =>
      thrown ? end(thrown, undefined, isReadTimeout(thrown)) : end(undefined, result, false);
    try {
      // A query object of its own, as COPY is, tells its end itself.
      if ("submit" in config) this.#client.query(config).then((result) => answered(null, result), answered);
      else this.#client.query(config, answered);
    } catch (thrown) {
      end(thrown, undefined, false);
    }
    return (reason) => end(reason, undefined, true);
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
