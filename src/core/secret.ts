import { inspect } from "node:util";

const REDACTED = "[secret]";

/**
 * A value that stays out of logs: `inspect`, `JSON.stringify`, template strings and spreads show `[secret]`.
 * Call {@link Secret.reveal} only where the value leaves for the service that needs it.
 */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/** Takes a plain string or a {@link Secret}, so that classes work with and without the config room. */
export function revealSecret(value: string | Secret): string {
  return typeof value === "string" ? value : value.reveal();
}

/** Hides the user info and the query of any URL in a text, e.g. the password of a connection string in a driver's message. */
export function redactUrls(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s"'<>]*@/gi, "$1[redacted]@")
    .replace(/([?&](?:token|apikey|api_key|key|password|secret)=)[^&\s"']+/gi, "$1[redacted]");
}
