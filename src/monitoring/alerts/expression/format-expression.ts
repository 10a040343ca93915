import { formatDuration } from "../duration.ts";
import { type BinaryNode, type Expression, precedence, type SelectorNode } from "./expression.ts";

/**
 * Writes an expression as PromQL, with no more parentheses than it needs.
 * @param nameOf the exported name of each metric: Prometheus knows no aliases
 */
export function formatExpression(expression: Expression, nameOf: (name: string) => string = (name) => name): string {
  const write = (node: Expression): string => formatExpression(node, nameOf);
  switch (expression.kind) {
    case "number":
      return formatNumber(expression.value);
    case "selector":
      return `${formatSelector(expression, nameOf)}${formatOffset(expression)}`;
    case "range": {
      const { selector, rangeMs } = expression;
      return `${formatSelector(selector, nameOf)}[${formatDuration(rangeMs)}]${formatOffset(selector)}`;
    }
    case "call":
      return `${expression.name}(${expression.args.map(write).join(", ")})`;
    case "aggregate": {
      const { operator, grouping, arg } = expression;
      const word = grouping.without ? "without" : "by";
      const labels = grouping.without || grouping.labels.length > 0 ? ` ${word} (${grouping.labels.join(", ")}) ` : "";
      return `${operator}${labels}(${write(arg)})`;
    }
    case "negate":
      return `-${expression.arg.kind === "binary" && expression.arg.operator !== "^" ? `(${write(expression.arg)})` : write(expression.arg)}`;
    case "binary":
      return formatBinary(expression, write);
    default:
      return expression satisfies never;
  }
}

function formatBinary(node: BinaryNode, write: (node: Expression) => string): string {
  const { operator, returnBool, matching, left, right } = node;
  const level = precedence[operator];
  const fromRight = operator === "^";
  const wrapped = (side: Expression, isRight: boolean): string => {
    const text = write(side);
    // A sign before the base of a power would come to stand before the whole power.
    const signed = side.kind === "negate" || (side.kind === "number" && (side.value < 0 || Object.is(side.value, -0)));
    if (signed && fromRight && !isRight) return `(${text})`;
    if (side.kind !== "binary") return text;
    const sameSide = isRight === fromRight;
    return precedence[side.operator] > level || (precedence[side.operator] === level && sameSide) ? text : `(${text})`;
  };
  const pairs =
    matching.on || matching.labels.length > 0
      ? ` ${matching.on ? "on" : "ignoring"} (${matching.labels.join(", ")})`
      : "";
  return `${wrapped(left, false)} ${operator}${returnBool ? " bool" : ""}${pairs} ${wrapped(right, true)}`;
}

function formatSelector({ name, matchers }: SelectorNode, nameOf: (name: string) => string): string {
  const written = matchers.map(({ label, operator, value }) => `${label}${operator}${JSON.stringify(value)}`);
  return written.length === 0 ? nameOf(name) : `${nameOf(name)}{${written.join(",")}}`;
}

const formatOffset = ({ offsetMs }: SelectorNode): string =>
  offsetMs === 0 ? "" : ` offset ${formatDuration(offsetMs)}`;

/** As PromQL reads numbers; Prometheus' own results are written so, too. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (Object.is(value, -0)) return "-0";
  if (!Number.isFinite(value)) return value > 0 ? "Inf" : "-Inf";
  return String(value);
}
