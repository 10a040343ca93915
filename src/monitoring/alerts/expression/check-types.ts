import {
  type BinaryNode,
  type CallNode,
  comparisonOperators,
  type Expression,
  setOperators,
  type ValueType,
} from "./expression.ts";
import { type FunctionSignature } from "./function-table.ts";
import { valueTypeOf } from "./value-type.ts";

const called: Readonly<Record<ValueType, string>> = {
  scalar: "a single number",
  vector: "a metric (one value per series)",
  range: "a range of samples",
};

/** @returns what is wrong with the operands, and where; `undefined` when nothing is */
export function binaryProblem(node: BinaryNode): [problem: string, position: number] | undefined {
  const { operator, left, right, returnBool, position } = node;
  const isComparison = comparisonOperators.has(operator);
  for (const side of [left, right]) {
    const problem = rangeProblem(side);
    if (problem) return [problem, side.position];
    if (setOperators.has(operator) && valueTypeOf(side) === "scalar")
      return [`${operator} joins metrics, not single numbers; write vector(1) for a number as a metric`, side.position];
  }
  if (returnBool && !isComparison) return [`bool belongs to comparisons, not to ${operator}`, position];
  const scalars = [left, right].filter((side) => valueTypeOf(side) === "scalar").length;
  if (scalars === 2 && isComparison && !returnBool)
    return [`two single numbers are compared with ${operator} bool, which gives 0 or 1`, position];
  if (scalars > 0 && (node.matching.on || node.matching.labels.length > 0))
    return ["on and ignoring pair series: both sides must be metrics", position];
  if ((operator === "==" || operator === "!=") && ![left, right].some(isWholeNumber))
    return [
      "measured numbers are never compared for equality (0.1 + 0.2 is not 0.3); use >, >=, < or <=, or compare with a whole number",
      position,
    ];
  return undefined;
}

/** @returns as {@link binaryProblem} */
export function callProblem(node: CallNode, { args }: FunctionSignature): [string, number] | undefined {
  const { name, position } = node;
  if (node.args.length !== args.length)
    return [`${name} takes ${args.length} argument${args.length === 1 ? "" : "s"}, got ${node.args.length}`, position];
  for (const [i, wanted] of args.entries()) {
    const arg = node.args[i] as Expression;
    const found = valueTypeOf(arg);
    if (found === wanted) continue;
    const hint = wanted === "range" ? ", such as x[5m]" : found === "range" ? "; take off the [range]" : "";
    return [`${name} needs ${called[wanted]} here${hint}, got ${called[found]}`, arg.position];
  }
  const [quantile] = node.args;
  // Everything measured is below the quantile 95, which is infinite: the alert would fire for ever.
  if (name === "histogram_quantile" && quantile?.kind === "number" && !(quantile.value >= 0 && quantile.value <= 1))
    return [
      `a quantile is a share from 0 to 1: 0.95 for the 95th percentile, got ${quantile.value}`,
      quantile.position,
    ];
  return undefined;
}

/** Ranges are only for functions of ranges. */
export function rangeProblem(expression: Expression): string | undefined {
  if (expression.kind !== "range") return undefined;
  return `a range of samples has no single value; put it into a function, as in rate(${expression.selector.name}[5m])`;
}

function isWholeNumber(expression: Expression): boolean {
  return expression.kind === "number" && Number.isInteger(expression.value);
}
