import { revealSecret, type Secret } from "../../core/index.ts";
import { escapeControls } from "./control-characters.ts";

const REDACTED = "[redacted]";

/** Shorter values would shred ordinary words; such secrets are refused by the configuration anyway. */
const MIN_SECRET_LENGTH = 6;

/**
 * Builds a function that removes the values of secrets from a line of JSON: as they are, URL-encoded, base64 (also in
 * the middle of a longer text, as in `Authorization: Basic`) and hex, each also inside nested JSON. The password of a
 * connection string counts by itself. One pass over one pattern: some microseconds per line.
 */
export function createRedactor(secrets: readonly (Secret | string)[]): (line: string) => string {
  const values = secrets.flatMap((secret) => partsOf(revealSecret(secret)));
  const forms = new Set(values.filter((value) => value.length >= MIN_SECRET_LENGTH).flatMap(encodings));
  if (forms.size === 0) return (line) => line;
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  // Ignoring case covers %2F and %2f, and both cases of hex.
  const pattern = new RegExp(longestFirst.map(patternOf).join("|"), "gi");
  return (line) => {
    const clean = line.replace(pattern, REDACTED);
    return clean === line || isJson(clean) ? clean : `${JSON.stringify({ level: "error", msg: clean.trim() })}\n`;
  };
}

/** The same for any text that is no line of JSON, e.g. a span's status. */
export function createTextRedactor(secrets: readonly (Secret | string)[]): (text: string) => string {
  const redact = createRedactor(secrets);
  return (text) => {
    const line = escapeControls(JSON.stringify(text));
    const clean = redact(line);
    if (clean === line) return text;
    const parsed: unknown = JSON.parse(clean);
    return typeof parsed === "string" ? parsed : REDACTED;
  };
}

/** A secret of digits may have been cut out of a number. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The value, and for a URL its password as drivers print it: decoded and as written. */
function partsOf(value: string): string[] {
  const password = /^[a-z][a-z0-9+.-]*:\/\/[^/?#:]*:([^@]+)@/i.exec(value)?.[1];
  return password === undefined ? [value] : [value, password, decode(password)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function encodings(value: string): string[] {
  const text = value.toWellFormed();
  const bytes = Buffer.from(text);
  const plain = [text, encodeURIComponent(text), new URLSearchParams({ v: text }).toString().slice(2)];
  return [...plain, ...base64Forms(bytes), bytes.toString("hex")];
}

/**
 * What a text looks like in a line of JSON, also inside JSON inside JSON: each level only adds backslashes. A run is
 * looked at once, from its start, so that a line of backslashes costs no more than any other.
 */
function patternOf(text: string): string {
  const inJson = escapeControls(JSON.stringify(text).slice(1, -1));
  const pattern = inJson.replace(/\\+|[$^.*+?()[\]{}|]/g, (special) =>
    special.startsWith("\\") ? `\\\\{${special.length},}` : `\\${special}`,
  );
  return inJson.startsWith("\\") ? `(?<!\\\\)${pattern}` : pattern;
}

/**
 * Base64 spells the same bytes in three ways, by their offset in the text around them. Characters that also depend on
 * the neighbours are left out.
 */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bits = (offset + bytes.length) * 8;
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const inner = encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(bits / 6));
    const url = inner.replaceAll("+", "-").replaceAll("/", "_");
    return [inner, url, encodeURIComponent(inner)];
  });
}
