import { invalid } from "../neon-options.ts";
import { type BulkRow } from "./bulk-options.ts";
import { type TableColumn } from "./table-columns.ts";
import { type ValueWriter, writerFor } from "./value-text.ts";

export interface CellWriter {
  readonly column: TableColumn;
  /** @throws IntegrationError INVALID_INPUT naming row and column, never the value */
  write(row: BulkRow, index: number): string | null;
}

/** One writer per column. */
export function cellWriters(columns: readonly TableColumn[]): CellWriter[] {
  return columns.map((column) => {
    const { name } = column;
    const toText: ValueWriter = writerFor(column);
    return {
      column,
      write(row, index) {
        try {
          return toText(row[name]);
        } catch (cause) {
          const reason = cause instanceof Error ? cause.message.split("\n")[0] : "it cannot be written";
          throw invalid(`bulkInsert: row ${index}, column ${JSON.stringify(name)} (${column.type}): ${reason}`);
        }
      },
    };
  });
}
