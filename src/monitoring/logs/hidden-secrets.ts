import { type Redact } from "../../core/index.ts";
import { gramFilter } from "./gram-filter.ts";
import { base64Cores } from "./secret-forms.ts";

/** A piece of fewer characters gives little away, and may be a word. */
const PIECE = 12;
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
  const heads = secrets.filter(hasTellingHead);
  const tails = secrets.filter((secret) => isLong(secret) && isTelling(secret.slice(-PIECE)));
  const literals = [...twice, ...heads.map(headOf), ...tails.map(tailOf)];
  const mayHold = gramFilter(literals.map((literal) => [literal]));
  const clean = (text: string): string => {
    if (literals.length === 0 || !mayHold(text)) return text;
    let cleaned = text;
    for (const form of twice) cleaned = cleaned.replaceAll(form, replacement);
    for (const secret of heads) cleaned = withoutHead(cleaned, secret, replacement);
    for (const secret of tails) cleaned = withoutTail(cleaned, secret, replacement);
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

const headOf = (secret: string): string => secret.slice(0, PIECE);
const tailOf = (secret: string): string => secret.slice(-PIECE);
const isLong = (secret: string): boolean => secret.length >= LEAST_TO_CUT && plain.test(secret);

/** Every token begins alike, and paths begin with words. */
function hasTellingHead(secret: string): boolean {
  return isLong(secret) && !token.test(secret) && !headOf(secret).includes("/") && isTelling(headOf(secret));
}

/** Words have neither digits nor capitals within. */
const isTelling = (piece: string): boolean => /[a-z]/i.test(piece) && /\d|[a-z][A-Z]|[A-Z][a-z].*[A-Z]/.test(piece);

function withoutHead(text: string, secret: string, replacement: string): string {
  return withoutPieces(text, headOf(secret), replacement, (at) => {
    let length = PIECE;
    while (length < secret.length && text[at + length] === secret[length]) length += 1;
    return [at, at + length];
  });
}

function withoutTail(text: string, secret: string, replacement: string): string {
  return withoutPieces(text, tailOf(secret), replacement, (at) => {
    let start = at;
    for (let i = secret.length - PIECE - 1; i >= 0 && start > 0 && text[start - 1] === secret[i]; i -= 1) start -= 1;
    return [start, at + PIECE];
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
