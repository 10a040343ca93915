/** Columns in line: the first to the left, figures to the right, the last one as it is. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, column) => align(cell, widths[column] ?? 0, column, cells.length)).join("  ")}`.trimEnd();
  return [line(head), ...rows.map(line)].join("\n");
}

function align(cell: string, width: number, column: number, columns: number): string {
  if (column === 0 || column === columns - 1) return cell.padEnd(width);
  return cell.padStart(width);
}
