/** A lexical unit of SQL in which nothing of interest to us can begin: comments, strings, dollar quotes, quoted names. */
const token =
  /--[^\n]*|\/\*(?:[^*/]|\*(?!\/)|\/(?!\*)|\/\*[\s\S]*?\*\/)*\*\/|[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|"(?:[^"]|"")*"|;|\s+|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|[\s\S]/g;

/**
 * The statements of a simple query as lists of tokens, without white space and comments. Unquoted words are folded to
 * lower case, everything else is as it stands.
 */
export function splitStatements(sql: string): string[][] {
  const statements: string[][] = [];
  let current: string[] = [];
  for (const [text] of sql.matchAll(token)) {
    if (/^(?:\s|--|\/\*)/.test(text)) continue;
    if (text === ";") {
      if (current.length > 0) statements.push(current);
      current = [];
    } else current.push(/^[A-Za-z_\u0080-\uffff]/.test(text) && !text.includes("'") ? text.toLowerCase() : text);
  }
  if (current.length > 0) statements.push(current);
  return statements;
}

/** A COPY alone, whose rows the client sends next. */
export function isCopyFromStdin(sql: string): boolean {
  if (!/\bstdin\b/i.test(sql)) return false;
  const [tokens, ...others] = splitStatements(sql);
  return (
    others.length === 0 &&
    tokens?.[0] === "copy" &&
    tokens.some((each, at) => each === "from" && tokens[at + 1] === "stdin")
  );
}

/** The name that PostgreSQL makes of an identifier token: quotes off, cut to 63 bytes. */
export function identifier(text: string): string {
  const name = text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
  let end = Math.min(name.length, 63);
  while (Buffer.byteLength(name.slice(0, end)) > 63) end -= 1;
  return name.slice(0, end);
}

export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A string constant that means the same whatever `standard_conforming_strings` says. */
export const quoteLiteral = (text: string): string =>
  text.includes("\\")
    ? ` E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;
