/** The parsed form of an alert's condition: a checked subset of PromQL. */

export type MatcherOperator = "=" | "!=" | "=~" | "!~";

/** A condition on one label. A label that a series does not have is an empty one. */
export interface Matcher {
  readonly label: string;
  readonly operator: MatcherOperator;
  readonly value: string;
  readonly matches: (value: string) => boolean;
}

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%" | "^";
export type ComparisonOperator = ">" | ">=" | "<" | "<=" | "==" | "!=";
export type SetOperator = "and" | "or" | "unless";
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | SetOperator;
export type AggregateOperator = "sum" | "avg" | "min" | "max" | "count";

/** One value, one value per series, or the samples of a stretch of time per series. */
export type ValueType = "scalar" | "vector" | "range";

interface Node {
  /** Where it begins in the text, counted from 0. */
  readonly position: number;
}

export interface NumberNode extends Node {
  readonly kind: "number";
  readonly value: number;
}

export interface SelectorNode extends Node {
  readonly kind: "selector";
  /** As written: an exported name or an alias. */
  readonly name: string;
  readonly matchers: readonly Matcher[];
  /** How far back it looks, ms. */
  readonly offsetMs: number;
}

export interface RangeNode extends Node {
  readonly kind: "range";
  readonly selector: SelectorNode;
  readonly rangeMs: number;
}

export interface CallNode extends Node {
  readonly kind: "call";
  readonly name: string;
  readonly args: readonly Expression[];
}

/** `without` the labels, or `by` them alone. */
export interface Grouping {
  readonly without: boolean;
  readonly labels: readonly string[];
}

export interface AggregateNode extends Node {
  readonly kind: "aggregate";
  readonly operator: AggregateOperator;
  readonly grouping: Grouping;
  readonly arg: Expression;
}

/** Which labels pair the series of both sides: `on` the labels alone, or all but those that are ignored. */
export interface Matching {
  readonly on: boolean;
  readonly labels: readonly string[];
}

export interface BinaryNode extends Node {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  /** The comparison gives 0 and 1 instead of filtering. */
  readonly returnBool: boolean;
  readonly matching: Matching;
  readonly left: Expression;
  readonly right: Expression;
}

export interface NegateNode extends Node {
  readonly kind: "negate";
  readonly arg: Expression;
}

export type Expression = NumberNode | SelectorNode | RangeNode | CallNode | AggregateNode | BinaryNode | NegateNode;

export const comparisonOperators: ReadonlySet<string> = new Set([">", ">=", "<", "<=", "==", "!="]);
export const setOperators: ReadonlySet<string> = new Set(["and", "or", "unless"]);

/** How tightly operators bind; `^` alone groups from the right. */
export const precedence: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  "==": 3,
  "!=": 3,
  "<": 3,
  "<=": 3,
  ">": 3,
  ">=": 3,
  "+": 4,
  "-": 4,
  "*": 5,
  "/": 5,
  "%": 5,
  "^": 6,
};

/** Every selector of an expression, in order of the text. */
export function selectorsOf(expression: Expression): (SelectorNode | RangeNode)[] {
  switch (expression.kind) {
    case "number":
      return [];
    case "selector":
    case "range":
      return [expression];
    case "call":
      return expression.args.flatMap(selectorsOf);
    case "aggregate":
    case "negate":
      return selectorsOf(expression.arg);
    case "binary":
      return [...selectorsOf(expression.left), ...selectorsOf(expression.right)];
    default:
      return expression satisfies never;
  }
}
