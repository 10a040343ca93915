import { type Expression, setOperators, type ValueType } from "./expression.ts";
import { functionTable } from "./function-table.ts";

/** What an expression gives. */
export function valueTypeOf(expression: Expression): ValueType {
  switch (expression.kind) {
    case "number":
      return "scalar";
    case "selector":
    case "aggregate":
      return "vector";
    case "range":
      return "range";
    case "call":
      return functionTable[expression.name]?.returns ?? "vector";
    case "negate":
      return valueTypeOf(expression.arg);
    case "binary":
      if (setOperators.has(expression.operator)) return "vector";
      return valueTypeOf(expression.left) === "scalar" && valueTypeOf(expression.right) === "scalar"
        ? "scalar"
        : "vector";
    default:
      return expression satisfies never;
  }
}
