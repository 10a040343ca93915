import { type Redact } from "../../core/index.ts";
import { gramFilter } from "./gram-filter.ts";
import { base64Cores } from "./secret-forms.ts";

/** A piece of fewer characters gives little away, and may be a word. */
const PIECE = 12;
/** What is no more than words up to here (`sb_secret_…` is not) is taken for words. */
const LONGEST_PIECE = 20;
/** Shorter secrets are guarded as a whole: a piece of theirs is what ordinary words begin with. */
const LEAST_TO_CUT = 24;

/** What is written in these alone needs no escapes anywhere, so that a piece of it stands as it is. */
const plain = /^[\w.~+/=-]+$/;
const token = /^eyJ[\w-]*\.[\w-]+\./;

export interface HiddenSecrets {
  /** One of these stands in every text that {@link clean} changes. */
  readonly literals: readonly string[];
  readonly clean: Redact;
}

/**
 * Secrets that were encoded twice over (base64 of base64, hex of base64, base64 of what was percent-encoded …), and
 * their beginnings and ends where somebody cut them. Searched for one by one, which only texts that hold one pay for.
 */
export function hiddenSecrets(secrets: readonly string[], replacement: string): HiddenSecrets {
  const twice = [...new Set(secrets.flatMap(encodedTwice))];
  const heads = pieces(secrets, headOf);
  const tails = pieces(secrets, tailOf);
  const literals = [...twice, ...[...heads, ...tails].map(({ piece }) => piece)];
  const mayHold = gramFilter(literals.map((literal) => [literal]));
  const clean = (text: string): string => {
    if (literals.length === 0 || !mayHold(text)) return text;
    let cleaned = text;
    for (const form of twice) cleaned = cleaned.replaceAll(form, replacement);
    for (const head of heads) cleaned = withoutHead(cleaned, head, replacement);
    for (const tail of tails) cleaned = withoutTail(cleaned, tail, replacement);
    return cleaned;
  };
  return { literals, clean };
}

function encodedTwice(secret: string): string[] {
  const once = encodedOnce(secret);
  const percent = encodeURIComponent(secret.toWellFormed());
  return [...once, ...(percent === secret ? [] : [percent])].flatMap(encodedOnce);
}

/** In both alphabets, and both cases of hex. */
function encodedOnce(text: string): string[] {
  const bytes = Buffer.from(text.toWellFormed());
  const hex = bytes.toString("hex");
  const cores = base64Cores(bytes);
  const forUrls = cores.map((core) => core.replaceAll("+", "-").replaceAll("/", "_"));
  return [...new Set([hex, hex.toUpperCase(), ...cores, ...forUrls])];
}

interface Piece {
  readonly secret: string;
  readonly piece: string;
}

function pieces(secrets: readonly string[], pieceOf: (secret: string) => string | undefined): Piece[] {
  return secrets.flatMap((secret) => {
    const isLong = secret.length >= LEAST_TO_CUT && plain.test(secret);
    const piece = isLong ? pieceOf(secret) : undefined;
    return piece === undefined ? [] : [{ secret, piece }];
  });
}

/** None of what many begin with: every token begins alike, and paths with words. */
function headOf(secret: string): string | undefined {
  const head = shortest((length) => secret.slice(0, length));
  return token.test(secret) || head?.includes("/") ? undefined : head;
}

const tailOf = (secret: string): string | undefined => shortest((length) => secret.slice(-length));

function shortest(pieceOf: (length: number) => string): string | undefined {
  for (let length = PIECE; length <= LONGEST_PIECE; length += 1) if (isTelling(pieceOf(length))) return pieceOf(length);
  return undefined;
}

/** Words have neither digits nor capitals within. */
const isTelling = (piece: string): boolean => /[a-z]/i.test(piece) && /\d|[a-z][A-Z]|[A-Z][a-z].*[A-Z]/.test(piece);

function withoutHead(text: string, { secret, piece }: Piece, replacement: string): string {
  return withoutPieces(text, piece, replacement, (at) => {
    let { length } = piece;
    while (length < secret.length && text[at + length] === secret[length]) length += 1;
    return [at, at + length];
  });
}

function withoutTail(text: string, { secret, piece }: Piece, replacement: string): string {
  return withoutPieces(text, piece, replacement, (at) => {
    let start = at;
    for (let i = secret.length - piece.length - 1; i >= 0 && start > 0 && text[start - 1] === secret[i]; i -= 1)
      start -= 1;
    return [start, at + piece.length];
  });
}

/** @param reach from where to where a piece goes whose core stands at an index */
function withoutPieces(
  text: string,
  core: string,
  replacement: string,
  reach: (at: number) => readonly [start: number, end: number],
): string {
  let cleaned = "";
  let from = 0;
  for (let at = text.indexOf(core); at >= 0; at = text.indexOf(core, from)) {
    const [start, end] = reach(at);
    cleaned += text.slice(from, Math.max(from, start)) + replacement;
    from = end;
  }
  return cleaned + text.slice(from);
}
