import { type BulkRow } from "./bulk-options.ts";
import { type CellWriter } from "./cells.ts";

/** Enough to fill a packet many times over, little enough to let the event loop breathe between two. */
const CHUNK_CHARACTERS = 65_536;

/** Rows in COPY's text format, in chunks. */
export function* copyChunks(rows: readonly BulkRow[], writers: readonly CellWriter[]): Generator<string> {
  let chunk = "";
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index]!;
    let separator = "";
    for (const writer of writers) {
      const text = writer.write(row, index);
      chunk += separator + (text === null ? "\\N" : escaped(text));
      separator = "\t";
    }
    chunk += "\n";
    if (chunk.length >= CHUNK_CHARACTERS) {
      yield chunk;
      chunk = "";
    }
  }
  if (chunk !== "") yield chunk;
}

const special = /[\\\n\r\t]/;
const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escaped(text: string): string {
  return special.test(text) ? text.replace(/[\\\n\r\t]/g, (character) => escapes[character]!) : text;
}
