import { accepted, type Kind, refused } from "./kind.ts";

/** A text of a certain shape. */
export function text(expects: string, shape: RegExp): Kind<string> {
  return {
    expects,
    sensitive: false,
    parse: (value) => (shape.test(value) ? accepted(value) : refused(`is not ${expects}`)),
    show: String,
  };
}

/** One word of a few; the case does not matter. */
export function oneOf<const T extends string>(words: readonly T[]): Kind<T> {
  const expects = `one of ${words.join(", ")}`;
  return {
    expects,
    sensitive: false,
    parse(value) {
      const found = words.find((word) => word === value.toLowerCase());
      return found === undefined ? refused(`is not ${expects}`) : accepted(found);
    },
    show: String,
  };
}

/** `true`, `1`, `yes`, `on` or their opposites. */
export const flag: Kind<boolean> = {
  expects: "true or false",
  sensitive: false,
  parse(value) {
    if (/^(true|1|yes|on)$/i.test(value)) return accepted(true);
    if (/^(false|0|no|off)$/i.test(value)) return accepted(false);
    return refused("is not true or false");
  },
  show: String,
};

/** Items separated by commas; empty ones are dropped. */
export function listOf<T>(item: Kind<T>): Kind<readonly T[]> {
  return {
    expects: `a comma-separated list, each item ${item.expects}`,
    sensitive: item.sensitive,
    parse(value) {
      const items = value.split(",").map((part) => part.trim());
      const parsed = items.filter((part) => part !== "").map((part) => item.parse(part));
      if (parsed.length === 0 && value !== "") return refused("holds no item");
      const wrong = parsed.findIndex((result) => !result.ok);
      const failure = parsed[wrong];
      if (failure && !failure.ok) return refused(`item ${wrong + 1} ${failure.problem}`, failure.hint);
      return accepted(parsed.flatMap((result) => (result.ok ? [result.value] : [])));
    },
    show: (values) => values.map((value) => item.show(value)).join(","),
  };
}
