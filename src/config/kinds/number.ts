import { accepted, type Kind, refused } from "./kind.ts";

interface Range {
  readonly min: number;
  readonly max: number;
}

/** A whole number within a range, both ends included. */
export function integer(range: Range): Kind<number> {
  return number("a whole number", /^-?\d{1,15}$/, range);
}

/** A decimal number within a range, both ends included. */
export function decimal(range: Range): Kind<number> {
  return number("a number", /^-?\d{1,15}(\.\d{1,9})?$/, range);
}

function number(what: string, shape: RegExp, { min, max }: Range): Kind<number> {
  return {
    expects: `${what} from ${min} to ${max}`,
    sensitive: false,
    parse(text) {
      if (!shape.test(text)) return refused(`is not ${what}`);
      const value = Number(text);
      return value < min || value > max ? refused(`is outside ${min} to ${max}`) : accepted(value);
    },
    show: String,
  };
}
