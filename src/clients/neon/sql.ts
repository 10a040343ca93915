import { IntegrationError } from "../../core/index.ts";

/** A statement, or a piece of one, with its parameters kept apart from its text. Made by {@link sql}. */
export class SqlFragment {
  readonly #strings: readonly string[];
  readonly #values: readonly unknown[];

  constructor(strings: readonly string[], values: readonly unknown[]) {
    this.#strings = strings;
    this.#values = values;
  }

  /** Numbers the parameters, those of nested fragments included. */
  compile(): Statement {
    const params: unknown[] = [];
    return { text: this.#append(params), params };
  }

  /** Asked by drivers, where a fragment stands for a parameter of a text. */
  toPostgres(): never {
    throw new TypeError("a fragment is no parameter: compose it into a template, sql`… ${fragment} …`");
  }

  #append(params: unknown[]): string {
    return this.#strings.reduce((text, string, index) => {
      if (index === 0) return string;
      const value = this.#values[index - 1];
      if (value instanceof SqlFragment) return text + value.#append(params) + string;
      return `${text}$${params.push(value)}${string}`;
    }, "");
  }
}

export interface Statement {
  readonly text: string;
  readonly params: readonly unknown[];
}

/**
 * A fragment for composition; it runs only when it is handed to `query`, `batch` or another template.
 *
 * @example
 * const cheap = sql`price < ${limit}`;
 * await neon.query`select id from listings where ${cheap} and zipcode = ${zipcode}`;
 */
export function sql(strings: TemplateStringsArray, ...values: unknown[]): SqlFragment {
  return new SqlFragment(strings, values);
}

/** A name (of a table, of a column) as part of the text, quoted; dots separate schema and name. */
export function identifier(name: string): SqlFragment {
  if (name === "" || name.includes("\0"))
    throw new IntegrationError({
      code: "INVALID_INPUT",
      message: "identifier() takes a name of at least one character without NUL",
      service: "neon",
    });
  const quoted = name.split(".").map((part) => `"${part.replaceAll('"', '""')}"`);
  return new SqlFragment([quoted.join(".")], []);
}

/** The first arguments of `query`: a template, a text with parameters, or a fragment. */
export type StatementSource = string | SqlFragment | TemplateStringsArray;

export function isTemplate(source: unknown): source is TemplateStringsArray {
  return Array.isArray(source) && "raw" in source;
}

/** @throws IntegrationError INVALID_INPUT when `source` is none of the three */
export function toStatement(source: StatementSource, values: readonly unknown[]): Statement {
  if (typeof source === "string") return { text: source, params: values };
  if (source instanceof SqlFragment) return source.compile();
  if (isTemplate(source)) return new SqlFragment(source, values).compile();
  throw new IntegrationError({
    code: "INVALID_INPUT",
    message: "query takes a template (query`select …`), a text with parameters, or a fragment made by sql`…`",
    service: "neon",
  });
}
