import { IntegrationError } from "../../core/index.ts";
import { closedError } from "./pool-errors.ts";

/** What talks to a pool's database by other ways than its connections (SQL over HTTP), so that closing minds it as well. */
export class OpenRequests {
  readonly #pool: string;
  readonly #stops = new Set<(reason: IntegrationError) => void>();
  #isClosed = false;
  #onEmpty: (() => void) | undefined;

  constructor(pool: string) {
    this.#pool = pool;
  }

  /**
   * @param stop ends it, for a reason
   * @returns a function to call at its end
   * @throws IntegrationError CLOSED once the pool is
   */
  enter(stop: (reason: IntegrationError) => void): () => void {
    if (this.#isClosed) throw closedError(this.#pool);
    this.#stops.add(stop);
    return () => {
      this.#stops.delete(stop);
      if (this.#stops.size === 0) this.#onEmpty?.();
    };
  }

  /** Lets no more in; resolves when the last is over. */
  end(): Promise<void> {
    this.#isClosed = true;
    return this.#stops.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#onEmpty = resolve));
  }

  /** Ends those that are left: what they sent may have been done. */
  cut(): void {
    const message = `the pool ${this.#pool} was closed while the statement ran`;
    for (const stop of this.#stops)
      stop(new IntegrationError({ code: "CLOSED", verdict: "outcome-unknown", message, service: "neon" }));
  }
}
