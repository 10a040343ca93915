import { unreadable } from "./pgrst-fault.ts";

/** Splits at commas that stand outside of quotes, parentheses and braces. */
export function splitList(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let part = "";
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]!;
    if (quoted && char === "\\") part += char + (text[(at += 1)] ?? "");
    else if (char === "," && depth === 0 && !quoted) {
      parts.push(part);
      part = "";
    } else {
      if (char === '"') quoted = !quoted;
      else if (!quoted && "({[".includes(char)) depth += 1;
      else if (!quoted && ")}]".includes(char)) depth -= 1;
      part += char;
    }
  }
  if (depth !== 0 || quoted) throw unreadable(`list (${text})`);
  return text === "" ? [] : [...parts, part];
}

/** The text inside double quotes, or the text itself. */
export function unquote(text: string): string {
  const inner = /^"(.*)"$/s.exec(text)?.[1];
  return inner === undefined ? text : inner.replace(/\\(.)/gs, "$1");
}

/** An identifier for SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Collects values; what goes into the text is `$1`, `$2`, … */
export class Params {
  readonly values: unknown[] = [];

  add(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}

/** `name`, `data->key->>leaf`: a column and the way into its JSON. */
export function columnSql(
  text: string,
  relation: string,
): { readonly sql: string; readonly name: string; readonly column: string } {
  const [first = "", ...rest] = text.split(/(->>|->)/);
  const column = unquote(first);
  if (column === "" || (column === first && !/^[^\s().,:"]+$/.test(first))) throw unreadable(`column (${text})`);
  let sql = `${relation}.${quoteName(column)}`;
  let name = column;
  for (let at = 0; at < rest.length; at += 2) {
    const key = unquote(rest[at + 1] ?? "");
    if (key === "") throw unreadable(`JSON path (${text})`);
    if (at === 0) sql = `to_jsonb(${sql})`;
    sql += rest[at]! + (/^-?\d+$/.test(key) ? key : `'${key.replaceAll("'", "''")}'`);
    name = key;
  }
  return { sql, name, column };
}
