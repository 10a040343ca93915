import { syntaxError } from "./syntax-error.ts";

export type TokenKind = "number" | "duration" | "string" | "name" | "symbol" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** As written; of a string, what it says. */
  readonly text: string;
  readonly position: number;
}

/** Longer conditions are refused: nesting is parsed by recursion. */
export const MAX_CONDITION_LENGTH = 10_000;

const blank = /(?:\s|#[^\n]*)+/y;
// A duration is tried first: of `5m` the number would take the 5.
const duration = /(?:\d+(?:ms|[smhdwy]))+(?![\w.])/y;
const number = /0[xX][0-9a-fA-F]+(?![\w.])|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])/y;
const name = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const symbol = /=~|!~|==|!=|>=|<=|[-+*/%^()[\]{},:<>=@]/y;
const string = /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|`[^`]*`/y;

/** Cuts a condition into tokens. @throws IntegrationError INVALID_INPUT at the character that begins none */
export function tokenize(text: string): Token[] {
  if (text.length > MAX_CONDITION_LENGTH)
    throw syntaxError(`${text.slice(0, 80)}…`, MAX_CONDITION_LENGTH, `longer than ${MAX_CONDITION_LENGTH} characters`);
  const tokens: Token[] = [];
  let position = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position;
    const match = pattern.exec(text)?.[0];
    if (match !== undefined) position += match.length;
    return match;
  };
  for (;;) {
    take(blank);
    const start = position;
    const add = (kind: TokenKind, said: string | undefined): boolean =>
      said !== undefined && tokens.push({ kind, text: said, position: start }) > 0;
    if (position === text.length) {
      add("end", "");
      return tokens;
    }
    if (add("duration", take(duration)) || add("number", take(number)) || add("name", take(name))) continue;
    const quoted = take(string);
    if (quoted !== undefined) add("string", unquote(quoted, text, start));
    else if (!add("symbol", take(symbol))) throw syntaxError(text, start, problemAt(text, start));
  }
}

function problemAt(text: string, position: number): string {
  const rest = text.slice(position);
  const char = String.fromCodePoint(rest.codePointAt(0) ?? 0);
  if (/^["'`]/.test(char)) return `the text that ${char} begins is never closed`;
  if (char === "!") return "! stands alone; write != for unequal, or unless for set difference";
  if (char === "&" || char === "|") return `${char} is no operator; write ${char === "&" ? "and" : "or"}`;
  if (/^[\d.]/.test(char)) return `a number or a duration was expected, found ${/^[\w.]*/.exec(rest)?.[0] ?? char}`;
  return `${JSON.stringify(char)} has no meaning here`;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
  ...{ "\\": "\\", '"': '"', "'": "'" },
};
const escape = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([\s\S]))/g;

/** As Go reads its string literals, which is how Prometheus reads them. */
function unquote(quoted: string, text: string, start: number): string {
  const inner = quoted.slice(1, -1);
  if (quoted.startsWith("`")) return inner;
  return inner.replace(escape, (whole, x?: string, u?: string, long?: string, octal?: string, simple?: string) => {
    const hex = x ?? u ?? long;
    const code = hex !== undefined ? parseInt(hex, 16) : octal !== undefined ? parseInt(octal, 8) : NaN;
    if (code <= 0x10ffff) return String.fromCodePoint(code);
    const said = simple === undefined ? undefined : simpleEscapes[simple];
    if (said !== undefined) return said;
    throw syntaxError(text, start, `${whole} is no escape; a backslash itself is written \\\\`);
  });
}
