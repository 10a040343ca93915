import { escapeControls } from "./control-characters.ts";

/** One way in which a secret turns up in a line of JSON. */
export interface SecretForm {
  /** Source of a regular expression, read without regard to case. */
  readonly pattern: string;
  /** Characters of it that stand in every match as they are, but for their case. */
  readonly literals: readonly string[];
}

/**
 * A secret as it is, percent-encoded in whole or in part, form-encoded, escaped in JSON or HTML; as base64 (also in the
 * middle of a longer text, as in `Authorization: Basic`), as hex and as a list of bytes. Each also inside JSON inside JSON.
 */
export function formsOf(secret: string): SecretForm[] {
  const text = secret.toWellFormed();
  const bytes = Buffer.from(text);
  const pairs = bytes.toString("hex").match(/../g) ?? [];
  return [
    { pattern: textPattern(text), literals: text.split(/[^\w.-]+/) },
    ...base64Forms(bytes),
    // Run together, as `inspect` and network tools print bytes, and percent-encoded to the last letter.
    ...["", " ", ":", "%"].map((between) => exactly(pairs.join(between))),
    // Buffers in JSON, and as they are printed.
    ...[",", ", "].map((between) => exactly([...bytes].join(between))),
  ];
}

const exactly = (text: string): SecretForm => ({ pattern: text, literals: [text] });

/** What JSON writes with a backslash: runs of it are one piece, so that a run of backslashes is read once. */
const escaped = /["\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/; // eslint-disable-line no-control-regex

function textPattern(text: string): string {
  const pieces = text.match(new RegExp(`${escaped.source}|[^]`, "gu")) ?? [];
  return pieces
    .map((piece, index) => {
      const isFirst = index === 0;
      if (escaped.test(piece)) return escapedPattern(piece, isFirst);
      const followsBackslash = !isFirst && pieces[index - 1]!.endsWith("\\");
      return /^[\w.-]$/.test(piece) ? literal(piece) : specialPattern(piece, { isFirst, followsBackslash });
    })
    .join("");
}

/** In HTML the quotes of a run are entities, and the rest of it stays. */
function escapedPattern(run: string, isFirst: boolean): string {
  const before = isFirst ? "(?<!\\\\)" : "";
  const inHtml = run.replace(/[^"]+|"/g, (part) => (part === '"' ? "&(?:quot|#34|#x22);" : jsonPattern(part)));
  const html = run.includes('"') ? before + inHtml : undefined;
  return anyOf([before + jsonPattern(run), percentPattern(run), html]);
}

/** Each level of JSON only adds backslashes. A run of them is looked at from its start alone. */
function jsonPattern(run: string): string {
  const inJson = escapeControls(JSON.stringify(run).slice(1, -1));
  return inJson.replace(/\\+/g, (backslashes) => `\\\\{${backslashes.length},}`);
}

const entities: Readonly<Record<string, string>> = {
  "&": "&(?:amp|#38|#x26);",
  "<": "&(?:lt|#60|#x3c);",
  ">": "&(?:gt|#62|#x3e);",
  "'": "&(?:apos|#0?39|#x27);",
};

/** A character that some encoders leave alone and others do not. */
function specialPattern(
  char: string,
  place: { readonly isFirst: boolean; readonly followsBackslash: boolean },
): string {
  if (char === "%") return "%(?:25)*";
  const units = Array.from({ length: char.length }, (_, index) => char.charCodeAt(index).toString(16).padStart(4, "0"));
  // Backslashes before it are one run with the secret's own, which has taken them all.
  const before = place.followsBackslash ? "" : place.isFirst ? "(?<!\\\\)\\\\+" : "\\\\+";
  const unicode = before + units.map((unit) => `u${unit}`).join("\\\\+");
  return anyOf([
    char === "/" && !place.isFirst && !place.followsBackslash ? "\\\\*/" : literal(char),
    percentPattern(char),
    char === " " ? "\\+" : undefined,
    entities[char],
    unicode,
  ]);
}

/** Also encoded twice and more: `%2F`, `%252F`. */
function percentPattern(text: string): string {
  return (
    Buffer.from(text)
      .toString("hex")
      .match(/../g)
      ?.map((byte) => `%(?:25)*${byte}`)
      .join("") ?? ""
  );
}

/**
 * Base64 spells the same bytes in three ways, by their offset in the text around them. Characters that also depend on
 * the neighbours are left out. Both alphabets, and what URLs and PHP's JSON make of them.
 */
function base64Forms(bytes: Buffer): SecretForm[] {
  return base64Cores(bytes).map((core) => {
    const pattern = core.replaceAll("+", "(?:[+-]|%(?:25)*2B)").replaceAll("/", "(?:\\\\*/|_|%(?:25)*2F)");
    return { pattern, literals: core.split(/[+/]/) };
  });
}

/** What stands in the base64 of every text that holds the bytes, one of the three. */
export function base64Cores(bytes: Buffer): string[] {
  return [0, 1, 2].map((offset) => {
    const bits = (offset + bytes.length) * 8;
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(bits / 6));
  });
}

function anyOf(patterns: readonly (string | undefined)[]): string {
  return `(?:${patterns.filter((pattern) => pattern !== undefined).join("|")})`;
}

function literal(char: string): string {
  return char.replace(/[$^.*+?()[\]{}|/-]/, "\\$&");
}
