import pg from "pg";

const { prepareValue: byPg } = (
  pg as unknown as { readonly utils: { readonly prepareValue: (value: unknown) => string | Buffer | null } }
).utils;

/**
 * What a driver sends for a value: text, bytes, or null. By pg's own rules, which it exports and its types do not know;
 * but what they would turn into nonsense without a word is refused: a promise into `{}`, a function into its source.
 *
 * @throws TypeError for these, for a symbol, an invalid date or a circular object, and what a value's own `toPostgres` throws
 */
export function prepareValue(value: unknown): string | Buffer | null {
  const type = typeof value;
  if (type === "function" || type === "symbol") throw new TypeError(`a ${type} is no parameter`);
  if (type === "object" && value !== null) {
    if (typeof (value as { then?: unknown }).then === "function")
      throw new TypeError("a promise is no parameter: await it first; a part of a statement is made by sql`…`");
    if (value instanceof Date && Number.isNaN(value.getTime())) throw new TypeError("an invalid date is no parameter");
  }
  return byPg(value);
}
