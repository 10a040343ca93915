/** Narrower than this, a last column is not wrapped but left to the terminal. */
const NARROWEST = 30;

/**
 * Columns as wide as their widest cell. The last one is wrapped below itself where a terminal shows it, and left whole
 * for programs that read it.
 *
 * @param width of the terminal in characters. @defaultValue that of stdout, or Infinity if it is none
 */
export function table(
  rows: readonly (readonly string[])[],
  width: number = process.stdout.columns ?? Infinity,
): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const indent = widths.slice(0, -1).reduce((sum, each) => sum + each + 2, 0);
  const room = width - indent;
  return rows
    .map((row) => {
      const fixed = row.slice(0, -1).map((cell, column) => cell.padEnd(widths[column]! + 2));
      const last = room >= NARROWEST ? wrap(row.at(-1) ?? "", room) : [row.at(-1) ?? ""];
      return (fixed.join("") + last.join(`\n${" ".repeat(indent)}`)).trimEnd();
    })
    .join("\n");
}

/** Lines of at most `width` characters, where the words allow it. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
