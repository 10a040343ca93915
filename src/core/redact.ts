import { IntegrationError } from "./errors.ts";
import { Secret } from "./secret.ts";

/** Takes secrets out of a text. A text without any comes back as it is. */
export type Redact = (text: string) => string;

/** What is looked at in one error: objects, and members of them. What lies beyond is left out. */
const MAX_OBJECTS = 500;
const MAX_MEMBERS = 20_000;
const OMITTED = "[not shown: too much to be searched for secrets]";

/**
 * Takes secrets out of something thrown: its message, stack, cause, and whatever else it carries, to any depth. Errors of
 * ours are changed in place, because others may already hold them. Anything foreign comes back as it is, or, where it
 * holds a secret, as a copy of the same class without it.
 */
export function redactThrown(thrown: unknown, redact: Redact): unknown {
  return new Cleaner((text) => withoutExcerpt(redact(text))).clean(thrown);
}

class Cleaner {
  readonly #redact: Redact;
  readonly #ours = new Set<IntegrationError>();
  readonly #copies = new Map<object, unknown>();
  #members = 0;

  constructor(redact: Redact) {
    this.#redact = redact;
  }

  clean(value: unknown): unknown {
    if (typeof value === "string") return this.#redact(value);
    if (typeof value !== "object" || value === null) return value;
    if (isOurs(value)) return this.#cleanOurs(value);
    return new Search(this.#redact).finds(value) ? this.#copy(value) : value;
  }

  #cleanOurs(error: IntegrationError): IntegrationError {
    if (this.#ours.has(error)) return error;
    this.#ours.add(error);
    const { message } = error;
    const told = this.#redact(message);
    // The stack begins with the message; where that holds none, formatting the stack would be in vain.
    if (told !== message) Object.assign(error, { message: told, stack: this.#redact(error.stack ?? "") });
    for (const key of Reflect.ownKeys(error)) {
      if (key === "message" || key === "stack") continue;
      const member = read(error, key);
      const clean = this.clean(member);
      if (clean !== member) Object.assign(error, { [key]: clean });
    }
    return error;
  }

  /** Of a class that is no error only the members are kept: its methods may need more. */
  #copy(value: unknown): unknown {
    const text = textOf(value);
    if (text !== undefined) {
      const clean = this.#redact(text);
      return clean === text ? value : clean;
    }
    if (typeof value !== "object" || value === null || isOpaque(value)) return value;
    if (isOurs(value)) return this.#cleanOurs(value);
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    const members = membersOf(value);
    this.#members += members.length;
    if (this.#copies.size >= MAX_OBJECTS || this.#members > MAX_MEMBERS) return OMITTED;
    const copy: object = Array.isArray(value) ? [] : value instanceof Error ? emptyError(value) : {};
    this.#copies.set(value, copy);
    for (const [key, member] of members) {
      if (Array.isArray(value) && key === "length") continue;
      const name = typeof key === "string" ? this.#redact(key) : key;
      const enumerable = isEnumerable(value, key);
      Object.defineProperty(copy, name, { value: this.#copy(member), enumerable, writable: true, configurable: true });
    }
    return copy;
  }
}

/** Whether anything within holds a secret, or there is too much of it. */
class Search {
  readonly #redact: Redact;
  readonly #seen = new Set<object>();
  #members = 0;

  constructor(redact: Redact) {
    this.#redact = redact;
  }

  finds(value: unknown): boolean {
    const text = textOf(value);
    if (text !== undefined) return this.#redact(text) !== text;
    if (typeof value !== "object" || value === null || this.#seen.has(value) || isOpaque(value)) return false;
    const members = membersOf(value);
    this.#seen.add(value);
    this.#members += members.length;
    if (this.#seen.size > MAX_OBJECTS || this.#members > MAX_MEMBERS) return true;
    return members.some(
      ([key, member]) => (typeof key === "string" && this.#redact(key) !== key) || this.finds(member),
    );
  }
}

/** One that cannot be changed is copied like a foreign one. */
function isOurs(value: object): value is IntegrationError {
  return IntegrationError.isInstance(value) && !Object.isFrozen(value);
}

/** What can be searched as one text: also bytes, and numbers, which a secret of digits looks like. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value instanceof URL || value instanceof URLSearchParams) return String(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
  return value instanceof ArrayBuffer ? Buffer.from(value).toString() : undefined;
}

/** Shows nothing of what it holds. */
function isOpaque(value: object): boolean {
  return value instanceof Secret || value instanceof Date || value instanceof RegExp || value instanceof Promise;
}

type Member = readonly [string | symbol, unknown];

/** Own members of any kind, and those that the platform's classes keep to themselves and show all the same. */
function membersOf(value: object): readonly Member[] {
  if (value instanceof Map) return [...value].map((entry, index) => [String(index), entry]);
  if (value instanceof Set) return [...value].map((member, index) => [String(index), member]);
  if (value instanceof Headers) return [...value];
  const hides = value instanceof DOMException || value instanceof Response || value instanceof Request;
  const keys = [...Reflect.ownKeys(value), ...(hides ? shown.filter((key) => key in value) : [])];
  return keys.map((key) => [key, read(value, key)]);
}

const shown = ["name", "message", "code", "url", "status", "statusText", "headers"];

/** A getter that throws shows nothing. */
function read(value: object, key: string | symbol): unknown {
  try {
    return (value as Record<string | symbol, unknown>)[key];
  } catch {
    return undefined;
  }
}

function isEnumerable(value: object, key: string | symbol): boolean {
  return Object.getOwnPropertyDescriptor(value, key)?.enumerable ?? !(value instanceof Error);
}

/** An error for `inspect` and `instanceof` alike. The platform's own class has getters that work on nothing else. */
function emptyError(error: Error): Error {
  const copy = new Error();
  if (!(error instanceof DOMException)) Object.setPrototypeOf(copy, Object.getPrototypeOf(error) as object);
  return copy;
}

const notJson = " is not valid JSON";
const excerpt = /(?:\.\.\.)?"[^]*?"(?:\.\.\.)? is not valid JSON/g;

/** `JSON.parse` quotes some characters of what it cannot read: half a secret is none that a search would find. */
function withoutExcerpt(text: string): string {
  return text.includes(notJson) ? text.replace(excerpt, "the text is not valid JSON") : text;
}
