import pg from "pg";

/**
 * What a driver sends for a value: text, bytes, or null. By pg's own rules, which it exports and its types do not know.
 *
 * @throws TypeError for a circular object, and what a value's own `toPostgres` throws
 */
export const { prepareValue } = (
  pg as unknown as { readonly utils: { readonly prepareValue: (value: unknown) => string | Buffer | null } }
).utils;
