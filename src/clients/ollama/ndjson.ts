import { type IntegrationError } from "../../core/index.ts";
import { ollamaError } from "./errors.ts";

/** A line longer than this is not a token any more but a fault, in characters. */
export const MAX_LINE_LENGTH = 10 * 1024 * 1024;

/**
 * Cuts a stream of bytes into JSON values, one per line. Bytes may come in any slices. A bad line is an error, never
 * skipped: the values before it are delivered first.
 *
 * @throws IntegrationError INVALID_OUTPUT kind `stream_malformed`; NETWORK kind `stream_truncated` from {@link end}
 */
export class NdjsonParser {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #maxLineLength: number;
  #rest = "";

  constructor(options: { readonly maxLineLength?: number } = {}) {
    this.#maxLineLength = options.maxLineLength ?? MAX_LINE_LENGTH;
  }

  *push(bytes: Uint8Array): Generator<unknown, void, undefined> {
    const text = this.#decode(bytes);
    let from = 0;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      const line = this.#rest + text.slice(from, at);
      this.#rest = "";
      from = at + 1;
      if (line.length > this.#maxLineLength) throw this.#tooLong();
      if (line.trim() !== "") yield parseLine(line);
    }
    this.#rest += text.slice(from);
    if (this.#rest.length > this.#maxLineLength) throw this.#tooLong();
  }

  /** The last line may lack its end, if it is whole. */
  *end(): Generator<unknown, void, undefined> {
    try {
      const line = this.#rest + this.#decoder.decode();
      this.#rest = "";
      if (line.trim() !== "") yield JSON.parse(line);
    } catch (cause) {
      throw ollamaError("NETWORK", "stream_truncated", "the stream ended in the middle of a line", { cause });
    }
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes, { stream: true });
    } catch (cause) {
      throw ollamaError("INVALID_OUTPUT", "stream_malformed", "the stream is not valid UTF-8", { cause });
    }
  }

  #tooLong(): IntegrationError {
    const message = `a line of the stream is longer than ${this.#maxLineLength} characters`;
    return ollamaError("INVALID_OUTPUT", "stream_malformed", message);
  }
}

/** The line itself is not shown: it may hold a user's text. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    const message = `a line of the stream is not JSON (${line.length} characters)`;
    throw ollamaError("INVALID_OUTPUT", "stream_malformed", message, { cause });
  }
}
