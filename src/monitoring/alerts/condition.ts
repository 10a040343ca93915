import { IntegrationError } from "../../core/index.ts";

/** The operators that make sense on measured numbers. */
export type ThresholdOperator = ">" | ">=" | "<" | "<=";

/** A parsed condition: `name{label="value"} >= 0.05`. */
export interface AlertCondition {
  /** As written: a metric's name or one of its aliases. */
  readonly metric: string;
  /** Labels that a series must have to be looked at. */
  readonly matchers: Readonly<Record<string, string>>;
  readonly operator: ThresholdOperator;
  readonly threshold: number;
}

/**
 * Parses a condition once, so that a rule that can never be understood fails when it is added.
 * @throws IntegrationError INVALID_INPUT that names the position
 */
export function parseCondition(text: string): AlertCondition {
  const cursor = new Cursor(text);
  const metric = cursor.take(/[a-zA-Z_][a-zA-Z0-9_]*/y) ?? cursor.fail("a metric name was expected");
  const matchers = cursor.take(/\{/y) === undefined ? {} : parseMatchers(cursor);
  const operator = parseOperator(cursor);
  const number = cursor.take(/[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y) ?? cursor.fail("a number was expected");
  const threshold = Number(number);
  if (!Number.isFinite(threshold)) cursor.fail(`${number} is too large for a number`);
  if (!cursor.atEnd) cursor.fail("nothing more was expected; a condition is one comparison: name > number");
  return { metric, matchers, operator, threshold };
}

export function isSatisfied(condition: AlertCondition, value: number): boolean {
  switch (condition.operator) {
    case ">":
      return value > condition.threshold;
    case ">=":
      return value >= condition.threshold;
    case "<":
      return value < condition.threshold;
    case "<=":
      return value <= condition.threshold;
    default:
      return condition.operator satisfies never;
  }
}

function parseMatchers(cursor: Cursor): Record<string, string> {
  const matchers: Record<string, string> = {};
  while (cursor.take(/\}/y) === undefined) {
    const label = cursor.take(/(?!__)[a-zA-Z_][a-zA-Z0-9_]*/y) ?? cursor.fail("a label name or } was expected");
    if (cursor.take(/!=|=~|!~/y) !== undefined) cursor.fail('labels are only compared with =, as in {service="neon"}');
    if (cursor.take(/=/y) === undefined) cursor.fail("= was expected");
    const quoted = cursor.take(/"(?:[^"\\\n]|\\["\\n])*"/y) ?? cursor.fail("a value in double quotes was expected");
    matchers[label] = JSON.parse(quoted) as string;
    if (cursor.take(/,/y) === undefined && !cursor.sees(/\}/y)) cursor.fail(", or } was expected");
  }
  return matchers;
}

function parseOperator(cursor: Cursor): ThresholdOperator {
  if (cursor.sees(/[!=]=?/y))
    cursor.fail("measured numbers are never compared for equality (0.1 + 0.2 is not 0.3); use >, >=, < or <=");
  const operator = cursor.take(/[<>]=?/y) ?? cursor.fail("one of >, >=, <, <= was expected");
  return operator as ThresholdOperator;
}

/** Reads a text from left to right; blanks between tokens do not matter. */
class Cursor {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = String(text);
    this.#skipBlanks();
  }

  get atEnd(): boolean {
    return this.#position === this.#text.length;
  }

  sees(pattern: RegExp): boolean {
    pattern.lastIndex = this.#position;
    return pattern.test(this.#text);
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#text)?.[0];
    if (match === undefined) return undefined;
    this.#position += match.length;
    this.#skipBlanks();
    return match;
  }

  fail(problem: string): never {
    throw new IntegrationError({
      code: "INVALID_INPUT",
      message: `Alert condition ${JSON.stringify(this.#text)}, character ${this.#position + 1}: ${problem}`,
    });
  }

  #skipBlanks(): void {
    while (/\s/.test(this.#text.charAt(this.#position))) this.#position += 1;
  }
}
