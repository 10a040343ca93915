import { type CallOptions, invalid } from "../neon-options.ts";
import { type Row, type Rows } from "../rows.ts";

/** One row: column names to values. */
export type BulkRow = Readonly<Record<string, unknown>>;

export interface BulkInsertOptions extends CallOptions {
  /**
   * The columns to fill; other members of a row are left alone, and missing ones are NULL.
   * @defaultValue every name that any row has
   */
  readonly columns?: readonly string[] | undefined;
  /**
   * What becomes of a row that is there already: `nothing` leaves it, a `target` names the unique columns and `update`
   * what to overwrite (by default every other column). No two rows of one call may then share a target.
   * @defaultValue it is an error
   */
  readonly onConflict?:
    | "nothing"
    | { readonly target: readonly string[]; readonly update?: readonly string[] | "nothing" | undefined }
    | undefined;
  /** Columns to give back, e.g. `["id"]`; `["*"]` for all. Rows that a conflict left alone are not given back. */
  readonly returning?: readonly string[] | undefined;
  /**
   * COPY is the fastest, and possible where there is neither `onConflict` nor `returning`, nor row-level security on the
   * table. `auto` takes it over TCP for 200 rows and more, else one INSERT over arrays (`unnest`).
   * @defaultValue "auto"
   */
  readonly method?: "auto" | "copy" | "unnest" | undefined;
  /** Bytes of one INSERT, 1024 to 9000000; more rows become several in one transaction. Neon takes 10 MB. @defaultValue 4000000 */
  readonly batchBytes?: number | undefined;
  /** The insert may be sent twice: say so only where doing it twice changes nothing, e.g. with `onConflict`. @defaultValue false */
  readonly idempotent?: boolean | undefined;
  /** As for `query`. */
  readonly name?: string | undefined;
}

export const bulkDefaults = { method: "auto", batchBytes: 4_000_000 } as const;

export interface BulkInsert {
  /**
   * Inserts many rows, all or none. Values are what `query` takes: a string for a json column is JSON text, an object
   * becomes it.
   *
   * @throws IntegrationError INVALID_INPUT for an unknown table, column or a value that cannot be written, CONFLICT …
   * @example
   * const { rowCount } = await neon.bulkInsert("listings", rows, { onConflict: { target: ["source", "source_key"] } });
   */
  <R extends object = Row>(table: string, rows: readonly BulkRow[], options?: BulkInsertOptions): Promise<Rows<R>>;
}

/** @throws IntegrationError INVALID_INPUT naming every option that does not hold */
export function checkBulkOptions(rows: readonly BulkRow[], options: BulkInsertOptions): void {
  const { columns, onConflict, returning, method = bulkDefaults.method, batchBytes } = options;
  const problems: string[] = [];
  if (!Array.isArray(rows)) problems.push("rows must be an array of objects");
  if (columns?.length === 0) problems.push("columns must name at least one column");
  if (columns && new Set(columns).size < columns.length) problems.push("columns names a column twice");
  if (!["auto", "copy", "unnest"].includes(method)) problems.push(`method must be auto, copy or unnest, got ${method}`);
  if (batchBytes !== undefined && !(Number.isInteger(batchBytes) && batchBytes >= 1024 && batchBytes <= 9_000_000))
    problems.push(`batchBytes must be a whole number from 1024 to 9000000, got ${String(batchBytes)}`);
  if (typeof onConflict === "object" && onConflict.target.length === 0)
    problems.push("onConflict.target must name the columns of a unique index");
  if (returning?.length === 0) problems.push("returning must name at least one column");
  if (method === "copy" && (onConflict || returning))
    problems.push("method copy knows neither onConflict nor returning: leave it to auto");
  if (problems.length > 0) throw invalid(`bulkInsert: ${problems.join("; ")}`);
}

/** The given columns, or every name that any row has, in the order of their first appearance. */
export function columnNames(rows: readonly BulkRow[], options: BulkInsertOptions): string[] {
  if (options.columns) return [...options.columns];
  const names = new Set<string>();
  for (const row of rows) for (const name in row) names.add(name);
  if (names.size === 0) throw invalid("bulkInsert: the rows have no columns");
  return [...names];
}
