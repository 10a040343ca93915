import { decodePercent, type Redact, revealSecret, type Secret } from "../../core/index.ts";
import { escapeControls } from "./control-characters.ts";
import { gramFilter } from "./gram-filter.ts";
import { hiddenSecrets } from "./hidden-secrets.ts";
import { formsOf } from "./secret-forms.ts";

const REDACTED = "[redacted]";

/** Shorter values would shred ordinary words; such secrets are refused by the configuration anyway. */
const MIN_SECRET_LENGTH = 6;

/**
 * Builds a function that removes the values of secrets from a line of JSON: as they are, percent-encoded, escaped,
 * base64, hex and bytes, each also inside nested JSON; encoded twice over; and cut, where twelve characters of its
 * beginning or end are left. The password of a connection string counts by itself, and so does the
 * path of a web address. A line without any costs some nanoseconds per character.
 */
export function createRedactor(secrets: readonly (Secret | string)[]): Redact {
  const cleaner = createCleaner(secrets);
  if (!cleaner) return (line) => line;
  return (line) => {
    if (!cleaner.mayHold(line)) return line;
    const clean = cleaner.clean(line);
    return clean === line || isJson(clean) ? clean : `${JSON.stringify({ level: "error", msg: clean.trim() })}\n`;
  };
}

/** The same for any text that is no line of JSON, e.g. an error's message. A text without secrets comes back as it is. */
export function createTextRedactor(secrets: readonly (Secret | string)[]): Redact {
  const cleaner = createCleaner(secrets);
  if (!cleaner) return (text) => text;
  return (text) => {
    if (!cleaner.mayHold(text)) return text;
    const line = escapeControls(JSON.stringify(text));
    const clean = cleaner.clean(line);
    if (clean === line) return text;
    return isJson(clean) ? (JSON.parse(clean) as string) : REDACTED;
  };
}

interface Cleaner {
  readonly mayHold: (text: string) => boolean;
  readonly clean: Redact;
}

/** Undefined: there is nothing to look for. */
function createCleaner(secrets: readonly (Secret | string)[]): Cleaner | undefined {
  const values = secrets.flatMap((secret) => partsOf(revealSecret(secret)));
  const guarded = [...new Set(values.filter((value) => value.length >= MIN_SECRET_LENGTH))];
  if (guarded.length === 0) return undefined;
  const forms = guarded.flatMap(formsOf);
  const hidden = hiddenSecrets(guarded, REDACTED);
  const longestFirst = [...forms].sort((a, b) => b.pattern.length - a.pattern.length);
  // Ignoring case covers %2F and %2f, and both cases of hex.
  const pattern = new RegExp(longestFirst.map((form) => form.pattern).join("|"), "gi");
  return {
    mayHold: gramFilter([...forms.map(({ literals }) => literals), ...hidden.literals.map((literal) => [literal])]),
    clean: (text) => hidden.clean(text.replace(pattern, REDACTED)),
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

/** The value; of a URL its password as drivers print it, decoded and as written; of a web address its path, which is the key to it. */
function partsOf(value: string): string[] {
  const password = /^[a-z][a-z0-9+.-]*:\/\/[^/?#:]*:([^@]+)@/i.exec(value)?.[1];
  const path = /^https?:\/\/[^/?#]+\/([^#]+)/i.exec(value)?.[1];
  return [
    value,
    ...(password === undefined ? [] : [password, decodePercent(password), encodeURIComponent(decodePercent(password))]),
    ...(path === undefined ? [] : [path]),
  ];
}
