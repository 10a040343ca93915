import type pg from "pg";

/** The part of pg's connection that a COPY speaks to. */
interface CopyConnection {
  readonly stream: {
    readonly writableNeedDrain?: boolean;
    once(event: string, fn: () => void): unknown;
    off(event: string, fn: () => void): unknown;
  };
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

type Callback = (error: unknown, result?: pg.QueryResult) => void;

/**
 * COPY … FROM STDIN as pg's client runs it: a query object of its own, fed by an iterator. Rows are written while the
 * server stores those before, and no faster than the line takes them.
 */
export class CopyIn {
  readonly #text: string;
  /** The client puts its own in place, which clears its timer; the WebSocket driver's calls the one before it. */
  callback: Callback = () => undefined;
  /** Every row has left: from here on the server may have stored them. */
  sentAll = false;
  rowCount = 0;
  /** What broke on this side while rows were written. */
  inputError: unknown;
  readonly #chunks: Iterator<string>;
  readonly #settled: Promise<pg.QueryResult>;
  #settle!: Callback;
  #over = false;

  constructor(text: string, chunks: Iterable<string>) {
    this.#text = text;
    this.#chunks = chunks[Symbol.iterator]();
    this.#settled = new Promise((resolve, reject) => {
      this.#settle = (error, result) => (error === undefined ? resolve(result!) : reject(error));
    });
    this.#settled.catch(() => undefined);
  }

  /** Makes it what the client's `query` is to its callers. */
  then<A, B>(done: (result: pg.QueryResult) => A, failed: (error: unknown) => B): Promise<A | B> {
    return this.#settled.then(done, failed);
  }

  submit(connection: CopyConnection): void {
    connection.query(this.#text);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    void this.#feed(connection);
  }

  handleCommandComplete(message: { readonly text?: string }): void {
    this.rowCount = Number(/^COPY (\d+)/.exec(message.text ?? "")?.[1] ?? 0);
  }

  handleError(error: unknown): void {
    this.#finish(error);
  }

  handleReadyForQuery(): void {
    this.#finish(undefined, { command: "COPY", rowCount: this.rowCount, oid: 0, rows: [], fields: [] });
  }

  async #feed(connection: CopyConnection): Promise<void> {
    try {
      for (;;) {
        const next = this.#chunks.next();
        if (this.#over) return;
        if (next.done) break;
        connection.sendCopyFromChunk(Buffer.from(next.value));
        if (connection.stream.writableNeedDrain === true) await drained(connection.stream);
      }
    } catch (thrown) {
      this.inputError = thrown;
      return connection.sendCopyFail("the client could not write a row");
    }
    this.sentAll = true;
    connection.endCopyFrom();
  }

  #finish(error: unknown, result?: pg.QueryResult): void {
    if (this.#over) return;
    this.#over = true;
    this.callback(error ?? null, result);
    this.#settle(error, result);
  }
}

/** A line that is lost drains no more, and is over. */
function drained(stream: CopyConnection["stream"]): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      stream.off("drain", go);
      stream.off("close", go);
      resolve();
    };
    stream.once("drain", go);
    stream.once("close", go);
  });
}
