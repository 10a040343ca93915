import type pg from "pg";
import { raceSignal } from "../../core/index.ts";
import { isReadTimeout, isStatementError } from "../neon/errors.ts";
import { destroyClient } from "./drivers.ts";

export interface LeaseHooks {
  /** A statement is given up while the server still runs it. */
  readonly onUnfinished: (client: pg.PoolClient) => void;
  /** A statement was given up after so many ms without an answer. */
  readonly onSilence: (silentMs: number) => void;
  /** Monotonic, ms. */
  readonly now: () => number;
}

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
  async query(config: pg.QueryConfig & { queryMode?: "extended" }, signal?: AbortSignal): Promise<pg.QueryResult> {
    signal?.throwIfAborted();
    this.#running += 1;
    const startedAt = this.#hooks.now();
    let isUnfinished = false;
    try {
      const answer = this.#client.query(config);
      return await (signal ? raceSignal(answer, signal) : answer);
    } catch (thrown) {
      if (!isStatementError(thrown)) this.#broken = true;
      isUnfinished = signal?.aborted === true || isReadTimeout(thrown);
      if (isUnfinished) this.#hooks.onSilence(this.#hooks.now() - startedAt);
      throw thrown;
    } finally {
      if (!isUnfinished) this.#running -= 1;
    }
  }

  /** Back to the pool; a connection that failed, or still runs a statement, is cut instead. Twice is harmless. */
  release(): void {
    if (this.#over) return;
    if (this.#broken || this.#running > 0) return this.discard();
    this.#over = true;
    this.#client.release();
  }

  /** Out of the pool and cut, after asking the server to stop. */
  discard(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#running > 0) this.#hooks.onUnfinished(this.#client);
    this.#client.release(true);
    destroyClient(this.#client);
  }
}
