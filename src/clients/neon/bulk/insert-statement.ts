import { identifier } from "../sql.ts";
import { type BulkInsertOptions, type BulkRow } from "./bulk-options.ts";
import { type CellWriter } from "./cells.ts";
import { type TableColumn } from "./table-columns.ts";
import { quotedElement } from "./value-text.ts";

const name = (text: string) => `"${text.replaceAll('"', '""')}"`;
const names = (list: readonly string[]) => list.map(name).join(", ");

/** INSERT over arrays: as many parameters as columns, however many rows, so that the statement's text stays the same. */
export function insertStatement(table: string, columns: readonly TableColumn[], options: BulkInsertOptions): string {
  const { onConflict, returning } = options;
  // An array of arrays would be flattened, and some types have no array: those travel as text and are cast one by one.
  const direct = columns.map((column) => column.hasArray && !column.isArray);
  const arrays = columns.map(({ type }, index) => `$${index + 1}::${direct[index] ? type : "text"}[]`);
  const values = columns.map(({ type }, index) => (direct[index] ? `c${index}` : `c${index}::${type}`));
  const into = `insert into ${identifier(table).compile().text} (${names(columns.map((each) => each.name))})`;
  const from = `select ${values.join(", ")} from unnest(${arrays.join(", ")}) as u(${columns.map((_, index) => `c${index}`).join(", ")})`;
  const conflict = onConflict === undefined ? "" : ` on conflict ${conflictClause(columns, onConflict)}`;
  const back = returning ? ` returning ${returning.map((each) => (each === "*" ? each : name(each))).join(", ")}` : "";
  return `${into} ${from}${conflict}${back}`;
}

function conflictClause(
  columns: readonly TableColumn[],
  onConflict: NonNullable<BulkInsertOptions["onConflict"]>,
): string {
  if (onConflict === "nothing") return "do nothing";
  const { target, update = columns.map((each) => each.name).filter((each) => !target.includes(each)) } = onConflict;
  const at = `(${names(target)})`;
  if (update === "nothing" || update.length === 0) return `${at} do nothing`;
  return `${at} do update set ${update.map((each) => `${name(each)} = excluded.${name(each)}`).join(", ")}`;
}

/** The parameters of one or more such statements, none above `batchBytes` unless a single row is. */
export function arrayParams(
  rows: readonly BulkRow[],
  writers: readonly CellWriter[],
  batchBytes: number,
): readonly (readonly string[])[] {
  const cells = writers.map((writer) =>
    rows.map((row, index) => {
      const text = writer.write(row, index);
      return text === null ? "NULL" : quotedElement(text);
    }),
  );
  return pack(cells, 0, rows.length, batchBytes);
}

function pack(cells: readonly string[][], from: number, to: number, batchBytes: number): string[][] {
  const literals = cells.map((column) => `{${column.slice(from, to).join(",")}}`);
  const bytes = literals.reduce((sum, literal) => sum + Buffer.byteLength(literal), 0);
  const count = to - from;
  if (bytes <= batchBytes || count <= 1) return [literals];
  const size = Math.max(1, Math.floor(count / Math.ceil((bytes * 1.05) / batchBytes)));
  const batches: string[][] = [];
  for (let at = from; at < to; at += size) batches.push(...pack(cells, at, Math.min(to, at + size), batchBytes));
  return batches;
}

/** COPY into the same columns. */
export function copyStatement(table: string, columns: readonly TableColumn[]): string {
  return `copy ${identifier(table).compile().text} (${names(columns.map((each) => each.name))}) from stdin`;
}
