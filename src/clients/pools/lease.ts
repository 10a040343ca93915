import type pg from "pg";
import { raceSignal } from "../../core/index.ts";
import { isStatementError } from "../neon/errors.ts";
import { destroyClient } from "./drivers.ts";

/** One connection, lent by the pool. */
export class Lease {
  readonly #client: pg.PoolClient;
  readonly #cancel: () => void;
  #running = 0;
  #broken = false;
  #over = false;

  /** @param cancel asks the server to stop the running statement */
  constructor(client: pg.PoolClient, cancel: () => void) {
    this.#client = client;
    this.#cancel = cancel;
  }

  /** False once the connection failed or was given up. */
  get usable(): boolean {
    return !this.#broken && !this.#over;
  }

  /** Rejects with the driver's own error, or with the signal's reason; then the connection is not used again. */
  async query(config: pg.QueryConfig & { queryMode?: "extended" }, signal?: AbortSignal): Promise<pg.QueryResult> {
    signal?.throwIfAborted();
    this.#running += 1;
    try {
      const answer = this.#client.query(config);
      const result = await (signal ? raceSignal(answer, signal) : answer);
      this.#running -= 1;
      return result;
    } catch (thrown) {
      if (!isStatementError(thrown)) this.#broken = true;
      else this.#running -= 1;
      throw thrown;
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
    if (this.#running > 0) this.#cancel();
    this.#client.release(true);
    destroyClient(this.#client);
  }
}
