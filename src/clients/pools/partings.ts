import type pg from "pg";
import { type Clock, sleep } from "../../core/index.ts";
import { type ConnectionTarget } from "../neon/connection-string.ts";
import { cancelRequest } from "./cancel-request.ts";
import { destroyClient, isBusy, pauseClient, type PoolTransport, sayGoodbye } from "./drivers.ts";

/** How long a line is kept for the request to cancel its statement: the tunnel forgets whose it was with the line, ms. */
const CUT_WITHIN_MS = 1_000;

export interface PartingsOptions {
  readonly target: ConnectionTarget;
  readonly transport: PoolTransport;
  readonly clock: Clock;
  /** One of them is closed. */
  readonly onGone: () => void;
}

/** Connections that the pool has given up and that are not closed yet: each for a second or so at most. */
export class Partings {
  readonly #options: PartingsOptions;
  readonly #open = new Set<Promise<void>>();

  constructor(options: PartingsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Closes a connection with which nothing is wrong. */
  part(client: pg.ClientBase): void {
    this.#track(sayGoodbye(client, this.#options.clock));
  }

  /** Cuts a connection; if a statement runs there, once the server was asked to stop it, or did not listen in time. */
  cut(client: pg.ClientBase): void {
    if (!isBusy(client)) return destroyClient(client);
    // Nothing more is read, so that neither the rest of a large result nor the next statement in the queue comes along.
    pauseClient(client);
    this.#track(this.#stop(client).finally(() => destroyClient(client)));
  }

  /** Resolves when all are closed that were given up so far. */
  async settled(): Promise<void> {
    await Promise.all(this.#open);
  }

  async #stop(client: pg.ClientBase): Promise<void> {
    const { target, transport, clock } = this.#options;
    const done = new AbortController();
    const bound = sleep(CUT_WITHIN_MS, clock, done.signal).catch(() => undefined);
    await Promise.race([cancelRequest(target, transport, client, clock), bound]);
    done.abort();
  }

  #track(closing: Promise<void>): void {
    const gone = closing.then(() => {
      this.#open.delete(gone);
      this.#options.onGone();
    });
    this.#open.add(gone);
  }
}
