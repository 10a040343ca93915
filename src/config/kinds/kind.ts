/** What a text was understood as, or what is wrong with it. Neither text ever repeats the value: it may be a secret. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T; readonly warning?: string }
  | { readonly ok: false; readonly problem: string; readonly hint?: string };

/** How one sort of setting is read and shown. */
export interface Kind<T> {
  /** Completes "set it to …", e.g. `a whole number from 1 to 100`. */
  readonly expects: string;
  /** The text is never shown anywhere, placeholders are refused, and `NAME_FILE` may hold the path of a file with it. */
  readonly sensitive: boolean;
  /** @param text trimmed, not empty (a list's default may be) */
  parse(text: string): Parsed<T>;
  /** The value as people may see it. */
  show(value: T): string;
}

export const accepted = <T>(value: T, warning?: string): Parsed<T> =>
  warning === undefined ? { ok: true, value } : { ok: true, value, warning };

export const refused = (problem: string, hint?: string): Parsed<never> =>
  hint === undefined ? { ok: false, problem } : { ok: false, problem, hint };
