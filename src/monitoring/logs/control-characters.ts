/**
 * JSON escapes the control characters below U+0020 by itself. What is left can still move a terminal's cursor (C1),
 * end a line (U+2028) or turn its direction (bidi): escaped too, which JSON readers undo.
 */
const leftovers = /[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

export function escapeControls(line: string): string {
  return line.replace(leftovers, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Escapes of what is printable anyway. */
const harmless = new Set(["\\\\", '\\"', "\\/"]);

/**
 * For output that a person reads: the escapes of control characters become visible text, so that a logged value can
 * neither start a line of its own nor colour it. The line ends inside stack traces stay: what follows is indented.
 */
export function exposeEscapes(line: string): string {
  return line.replace(/\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/g, (escape, at: number) => {
    const isFrame = escape === "\\n" && line.startsWith("    at ", at + escape.length);
    return isFrame || harmless.has(escape) ? escape : `\\${escape}`;
  });
}
