import type pg from "pg";
import { encodeStatement } from "./encode-statement.ts";
import { prepareValue } from "./prepare-value.ts";
import { type Watched } from "./statement-watch.ts";

type Told = (error: Error | null | undefined, result?: StatementResult) => void;
type Parse = (value: string) => unknown;

interface Column {
  readonly name: string;
  /** The column's type as PostgreSQL numbers it. */
  readonly dataTypeID: number;
}

/** The part of a `pg.QueryResult` that callers of one statement read. */
export interface StatementResult {
  readonly rows: Record<string, unknown>[];
  /** Of the command's tag; null where it counts none. */
  readonly rowCount: number | null;
  readonly fields: readonly Column[];
}

/**
 * One statement in the extended protocol, as a query object that pg's client takes like those of pg-cursor. pg's own
 * leaves in five writes, with a copy of its config, an emitter, and a dictionary for its columns: measured at a sixth of
 * what a small statement costs the process. What the values and the rows are made of is the same: by pg's own rules.
 */
export class StatementQuery implements pg.Submittable, Watched {
  /** Read by the client, too. */
  callback: Told;
  /** On the monotonic clock, ms. */
  readonly startedAt: number;
  previous: Watched | undefined = undefined;
  next: Watched | undefined = undefined;
  readonly #bytes: Uint8Array;
  readonly #client: pg.ClientBase;
  readonly #rows: Record<string, unknown>[] = [];
  #columns: readonly Column[] = [];
  #parsers: Parse[] = [];
  /** What a second row begins as: all columns in their order, so that all rows have one shape. */
  #template: Record<string, unknown> | undefined;
  #tag = "";
  #unreadable: Error | undefined;

  /** @throws what writing a value down throws, e.g. a TypeError for a circular object */
  static encode(text: string, values: readonly unknown[]): Uint8Array {
    return encodeStatement(text, values, prepareValue);
  }

  constructor(client: pg.ClientBase, bytes: Uint8Array, startedAt: number, told: Told) {
    this.#client = client;
    this.#bytes = bytes;
    this.startedAt = startedAt;
    this.callback = told;
  }

  /** Hands it to the client, without the timer that pg sets for each query: a `StatementWatch` bounds it. */
  send(): void {
    const { connectionParameters } = this.#client as unknown as { connectionParameters: { query_timeout: unknown } };
    const { query_timeout: bound } = connectionParameters;
    connectionParameters.query_timeout = 0;
    try {
      this.#client.query(this);
    } finally {
      connectionParameters.query_timeout = bound;
    }
  }

  /** In pg's words for it. */
  expire(): void {
    this.callback(new Error("Query read timeout"));
  }

  submit({ stream }: pg.Connection): void {
    // The WebSocket driver's has no such property.
    if ((stream as { readonly writable?: boolean }).writable !== false) stream.write(this.#bytes);
  }

  handleRowDescription({ fields }: { readonly fields: readonly Column[] }): void {
    const columns: Column[] = [];
    for (const { name, dataTypeID } of fields) {
      columns.push({ name, dataTypeID });
      this.#parsers.push(this.#client.getTypeParser(dataTypeID, "text") as Parse);
    }
    this.#columns = columns;
  }

  handleDataRow({ fields: values }: { readonly fields: readonly (string | null)[] }): void {
    if (this.#unreadable) return;
    const columns = this.#columns;
    const parsers = this.#parsers;
    try {
      const row = this.#newRow();
      for (let i = 0; i < columns.length; i += 1) {
        const value = values[i]!;
        row[columns[i]!.name] = value === null ? null : parsers[i]!(value);
      }
      this.#rows.push(row);
    } catch (thrown) {
      this.#unreadable = thrown as Error; // told when the server is done
    }
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#tag = text;
  }

  handleEmptyQuery(): void {}

  /** A COPY as a single statement has nobody who would send or take its data. The server took our Sync for part of it. */
  handleCopyInResponse(connection: CopyRefusal): void {
    refuseCopy(connection);
  }

  handleCopyData(): void {}

  handlePortalSuspended(): void {}

  handleError(error: Error): void {
    this.callback(this.#unreadable ?? error);
  }

  handleReadyForQuery(): void {
    if (this.#unreadable) return this.callback(this.#unreadable);
    const count = Number.parseInt(this.#tag.slice(this.#tag.lastIndexOf(" ") + 1), 10);
    this.callback(null, {
      rows: this.#rows,
      rowCount: Number.isNaN(count) ? null : count,
      fields: this.#columns,
    });
  }

  #newRow(): Record<string, unknown> {
    if (this.#rows.length === 1 || (this.#template === undefined && this.#columns.some(isProto)))
      this.#template ??= Object.fromEntries(this.#columns.map(({ name }) => [name, null]));
    return this.#template ? { ...this.#template } : {};
  }
}

/** The part of pg's connection that ends a COPY. */
export interface CopyRefusal {
  sendCopyFail(reason: string): void;
  sync(): void;
}

/** Ends a COPY in the extended protocol: while it waits for data the server passes over every Sync. */
export function refuseCopy(connection: CopyRefusal): void {
  connection.sendCopyFail("a statement has no data for COPY: use bulkInsert");
  connection.sync();
}

/** Assigned to a plain object it would become the row's prototype; in a template it is a column like any other. */
const isProto = ({ name }: Column): boolean => name === "__proto__";
