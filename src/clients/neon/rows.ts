import { type CallMeta, IntegrationError } from "../../core/index.ts";

export interface Field {
  readonly name: string;
  /** The column's type as PostgreSQL numbers it. */
  readonly dataTypeID: number;
}

/** One object per row by default. */
export type Row = Record<string, unknown>;

/** The rows themselves, with what else the database said about them. */
export type Rows<R extends object = Row> = R[] & {
  /** Rows returned, or changed by a statement that returns none. */
  readonly rowCount: number;
  readonly fields: readonly Field[];
  /** How the answer came about, where the call asked for `cache`: fresh, stale, why. */
  readonly meta?: CallMeta;
};

/** A driver's result, whichever driver it was. */
export interface DriverResult {
  readonly rows: readonly unknown[];
  readonly rowCount: number | null;
  readonly fields: readonly Field[];
}

/** @throws IntegrationError INVALID_OUTPUT for more than `maxRows`: a silent cut would look like the whole answer */
export function toRows<R extends object>(result: DriverResult, maxRows: number, operation: string): Rows<R> {
  if (result.rows.length > maxRows)
    throw new IntegrationError({
      code: "INVALID_OUTPUT",
      message:
        `the statement ran and returned ${result.rows.length} rows, more than the ${maxRows} of MAX_QUERY_RESULTS; ` +
        `add a limit to it, or raise MAX_QUERY_RESULTS or the call's maxRows`,
      service: "neon",
      operation,
      details: { rows: result.rows.length, maxRows },
    });
  const rows = result.rows as R[];
  // Not enumerable, so that rows compare, spread and serialise as the plain array that they are.
  rowCount.value = result.rowCount ?? rows.length;
  fields.value = result.fields;
  Object.defineProperty(rows, "rowCount", rowCount);
  return Object.defineProperty(rows, "fields", fields) as Rows<R>;
}

/** Filled in for each answer: two new descriptors at a time were measured at twice the cost. */
const rowCount = { value: 0 };
const fields: { value: readonly Field[] } = { value: [] };

/** Back to what a driver gives. */
export function toResult(rows: Rows): DriverResult {
  return { rows, rowCount: rows.rowCount, fields: rows.fields };
}
