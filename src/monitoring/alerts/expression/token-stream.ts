import { syntaxError } from "./syntax-error.ts";
import { type Token, type TokenKind, tokenize } from "./tokens.ts";

/** Reads tokens from left to right and says where a text goes wrong. */
export class TokenStream {
  readonly text: string;
  readonly #tokens: readonly Token[];
  #index = 0;

  constructor(text: string) {
    this.text = text;
    this.#tokens = tokenize(text);
  }

  /** The next token, not taken. */
  get next(): Token {
    return this.#tokens[this.#index] as Token;
  }

  /** The token after the next. */
  get afterNext(): Token | undefined {
    return this.#tokens[this.#index + 1];
  }

  advance(): Token {
    const token = this.next;
    if (token.kind !== "end") this.#index += 1;
    return token;
  }

  /** Words are keywords in either case, as in Prometheus: `x > 1 AND y > 2`. */
  sees(text: string): boolean {
    const { kind } = this.next;
    return kind === "symbol" ? this.next.text === text : kind === "name" && this.next.text.toLowerCase() === text;
  }

  /** Takes the symbol or word if it is next. */
  takes(text: string): boolean {
    if (!this.sees(text)) return false;
    this.#index += 1;
    return true;
  }

  /** @throws IntegrationError INVALID_INPUT when something else is next */
  expect(text: string, why = ""): Token {
    if (this.sees(text)) return this.advance();
    return this.fail(`${text} was expected${why}`);
  }

  /** @throws IntegrationError INVALID_INPUT when something else is next */
  expectKind(kind: TokenKind, what: string): Token {
    return this.next.kind === kind ? this.advance() : this.fail(`${what} was expected`);
  }

  /** At the next token, which is named, unless another place is given. */
  fail(problem: string, at?: number): never {
    if (at !== undefined) throw syntaxError(this.text, at, problem);
    const { kind, text, position } = this.next;
    const found = kind === "end" ? "the end" : kind === "string" ? JSON.stringify(text) : text;
    throw syntaxError(this.text, position, `${problem}, found ${found}`);
  }
}
