import { IntegrationError } from "../../../core/index.ts";
import { type ClientContext } from "../client-context.ts";
import { invalid } from "../neon-options.ts";
import { type DriverResult, type Rows, toRows } from "../rows.ts";
import { type Statement } from "../sql.ts";
import { bulkDefaults, type BulkInsertOptions, type BulkRow, checkBulkOptions, columnNames } from "./bulk-options.ts";
import { cellWriters } from "./cells.ts";
import { CopyIn } from "./copy-in.ts";
import { copyChunks } from "./copy-text.ts";
import { arrayParams, copyStatement, insertStatement } from "./insert-statement.ts";
import { pickColumns, TableCatalog } from "./table-columns.ts";

/** Fewer rows are there sooner in one round trip than in COPY's two. */
const COPY_FROM_ROWS = 200;

/** Where a bulk insert runs: in a transaction that is open, or alone. */
export interface BulkTarget {
  run(statement: Statement): Promise<DriverResult>;
  /** All or none of them. */
  runAll(statements: readonly Statement[]): Promise<readonly DriverResult[]>;
  /** @returns rows stored */
  copy(copyIn: CopyIn): Promise<number>;
  told(statement: Statement, result: DriverResult, startedAt: number): void;
  failed(statement: Statement, thrown: unknown, startedAt: number): void;
}

/** Inserts many rows by the fastest way that does the same as INSERT. */
export class BulkInserter {
  readonly #context: ClientContext;
  readonly #catalog = new TableCatalog();

  constructor(context: ClientContext) {
    this.#context = context;
  }

  async insert<R extends object>(
    table: string,
    rows: readonly BulkRow[],
    options: BulkInsertOptions,
    target: BulkTarget,
  ): Promise<Rows<R>> {
    checkBulkOptions(rows, options);
    if (rows.length === 0) return toRows<R>({ rows: [], rowCount: 0, fields: [] }, 0, "bulkInsert");
    const names = columnNames(rows, options);
    const facts = await this.#catalog.table(table, (statement) => target.run(statement));
    const columns = pickColumns(table, facts, names);
    const writers = cellWriters(columns);
    const startedAt = this.#context.clock.now();
    let single: Statement | undefined;
    try {
      if (this.#byCopy(table, facts.takesCopy, rows.length, options)) {
        const text = copyStatement(table, columns);
        single = { text, params: [] };
        const rowCount = await copied(new CopyIn(text, copyChunks(rows, writers)), target);
        const result = { rows: [], rowCount, fields: [] };
        target.told(single, result, startedAt);
        return toRows<R>(result, 0, "bulkInsert");
      }
      const text = insertStatement(table, columns, options);
      const batches = arrayParams(rows, writers, options.batchBytes ?? bulkDefaults.batchBytes);
      const statements = batches.map((params) => ({ text, params }));
      if (statements.length > 1) return toRows<R>(joined(await target.runAll(statements)), rows.length, "bulkInsert");
      single = statements[0]!;
      const result = await target.run(single);
      target.told(single, result, startedAt);
      // No more than were given can come back, so that the cap on what a query may return is none here.
      return toRows<R>(result, rows.length, "bulkInsert");
    } catch (thrown) {
      if (single) target.failed(single, thrown, startedAt);
      // A column may have been dropped, or have another type now, to which what was right is wrong.
      if (IntegrationError.isInstance(thrown) && /^(42|22)/.test(thrown.sqlState ?? "")) this.#catalog.forget(table);
      throw thrown;
    }
  }

  #byCopy(table: string, takesCopy: boolean, rows: number, options: BulkInsertOptions): boolean {
    const { method = bulkDefaults.method, onConflict, returning } = options;
    if (method === "copy" && !takesCopy)
      throw invalid(
        `bulkInsert: COPY cannot fill ${table} (a view, rules, or row-level security): leave method to auto`,
      );
    if (method !== "auto") return method === "copy";
    const isTcp = this.#context.pools.transport === "tcp";
    return isTcp && takesCopy && !onConflict && !returning && rows >= COPY_FROM_ROWS;
  }
}

/** What broke while rows were written is the reason, not the server's word that it was told so. */
async function copied(copyIn: CopyIn, target: BulkTarget): Promise<number> {
  try {
    return await target.copy(copyIn);
  } catch (thrown) {
    throw copyIn.inputError ?? thrown;
  }
}

function joined(results: readonly DriverResult[]): DriverResult {
  const rowCount = results.reduce((sum, each) => sum + (each.rowCount ?? 0), 0);
  return { rows: results.flatMap((each) => [...each.rows]), rowCount, fields: results[0]!.fields };
}
