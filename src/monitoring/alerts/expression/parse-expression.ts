import { IntegrationError } from "../../../core/index.ts";
import { binaryProblem, callProblem, rangeProblem } from "./check-types.ts";
import {
  type AggregateOperator,
  type BinaryNode,
  type BinaryOperator,
  type CallNode,
  type Expression,
  type Grouping,
  type Matching,
  precedence,
} from "./expression.ts";
import { functionTable } from "./function-table.ts";
import { nearestName } from "./nearest-name.ts";
import { parseSelector } from "./parse-selector.ts";
import { TokenStream } from "./token-stream.ts";

const aggregates: ReadonlySet<string> = new Set(["sum", "avg", "min", "max", "count"]);
/** Deeper nesting is nobody's rule, and would end in a stack overflow. */
const MAX_DEPTH = 100;

/**
 * Parses a condition once, so that a rule that can never be understood fails when it is added. The language is a
 * checked subset of PromQL: selectors, ranges, the functions of `functionTable`, `sum/avg/min/max/count by|without`,
 * arithmetic, comparisons, `and/or/unless` with `on` and `ignoring`, `offset`.
 * @throws IntegrationError INVALID_INPUT that names the position, what was expected and how to mend it
 * @see https://prometheus.io/docs/prometheus/latest/querying/basics/
 */
export function parseExpression(text: string): Expression {
  if (typeof text !== "string")
    throw new IntegrationError({
      code: "INVALID_INPUT",
      message: `An alert's condition must be text such as "queue_depth > 10", got ${String(text)}`,
    });
  const tokens = new TokenStream(text);
  if (tokens.next.kind === "end") tokens.fail("a metric name was expected, as in queue_depth > 10");
  const expression = parseBinary(tokens, 1, 0);
  if (tokens.sees("=")) tokens.fail("a single = compares nothing; write >=, <=, > or <");
  if (tokens.sees("[")) tokens.fail("a range follows a metric directly, as in rate(x[5m])");
  if (tokens.sees("group_left") || tokens.sees("group_right")) failGroup(tokens);
  if (tokens.sees("for")) tokens.fail('for is an option beside the condition, as in { condition, for: "5m" }');
  if (tokens.next.kind !== "end")
    tokens.fail("one of >, >=, <, <=, another operator or the end was expected; join conditions with and, or");
  const problem = rangeProblem(expression);
  if (problem !== undefined) tokens.fail(problem, expression.position);
  return expression;
}

function parseBinary(tokens: TokenStream, minimum: number, depth: number): Expression {
  if (depth > MAX_DEPTH) tokens.fail(`nested more than ${MAX_DEPTH} deep`, tokens.next.position);
  let left = parseUnary(tokens, depth);
  for (;;) {
    const operator = operatorAt(tokens);
    if (operator === undefined || precedence[operator] < minimum) return left;
    const { position } = tokens.advance();
    if (operator === "%" && tokens.next.kind === "end")
      tokens.fail(
        "% is the remainder of a division; write the bare number, 90 for 90 % where the metric counts percent",
      );
    const returnBool = tokens.takes("bool");
    const matching = parseMatching(tokens);
    const right = parseBinary(tokens, precedence[operator] + (operator === "^" ? 0 : 1), depth + 1);
    const node: BinaryNode = { kind: "binary", operator, returnBool, matching, left, right, position };
    const problem = binaryProblem(node);
    if (problem) tokens.fail(...problem);
    left = node;
  }
}

function operatorAt(tokens: TokenStream): BinaryOperator | undefined {
  const { kind } = tokens.next;
  const text = tokens.next.text.toLowerCase();
  const isOperator = (kind === "symbol" || kind === "name") && Object.hasOwn(precedence, text);
  return isOperator ? (text as BinaryOperator) : undefined;
}

function parseMatching(tokens: TokenStream): Matching {
  const on = tokens.sees("on");
  if (!on && !tokens.sees("ignoring")) return { on: false, labels: [] };
  tokens.advance();
  const labels = parseLabelList(tokens);
  if (tokens.sees("group_left") || tokens.sees("group_right")) failGroup(tokens);
  return { on, labels };
}

function failGroup(tokens: TokenStream): never {
  return tokens.fail("group_left and group_right are not supported; bring both sides to the same labels with sum by");
}

/** The sign binds more loosely than ^ and more tightly than all else. */
function parseUnary(tokens: TokenStream, depth: number): Expression {
  const { position } = tokens.next;
  const minus = tokens.sees("-");
  if (!minus && !tokens.sees("+")) return parseAtom(tokens, depth);
  tokens.advance();
  const arg = parseBinary(tokens, precedence["^"], depth + 1);
  const problem = rangeProblem(arg);
  if (problem !== undefined) tokens.fail(problem, arg.position);
  if (!minus) return arg;
  return arg.kind === "number" ? { ...arg, value: -arg.value, position } : { kind: "negate", arg, position };
}

function parseAtom(tokens: TokenStream, depth: number): Expression {
  const { kind, text, position } = tokens.next;
  if (kind === "number") {
    const value = Number(tokens.advance().text);
    if (!Number.isFinite(value)) tokens.fail(`${text} is too large for a number`, position);
    return { kind: "number", value, position };
  }
  if (tokens.takes("(")) {
    const inner = parseBinary(tokens, 1, depth + 1);
    tokens.expect(")");
    return inner;
  }
  if (kind === "duration")
    tokens.fail(`a number was expected: ${text} is a duration, which stands in [] alone`, position);
  if (tokens.sees("{")) tokens.fail("a metric name was expected before {");
  const word = text.toLowerCase();
  if (kind !== "name" || Object.hasOwn(precedence, word)) tokens.fail("a metric name or a number was expected");
  const special = { inf: Infinity, nan: NaN }[word];
  if (special !== undefined) return { kind: "number", value: special, position: tokens.advance().position };
  const opens = tokens.afterNext?.kind === "symbol" && tokens.afterNext.text === "(";
  const groups = opens || ["by", "without"].includes(tokens.afterNext?.text.toLowerCase() ?? "");
  if (aggregates.has(word) && groups) return parseAggregate(tokens, depth);
  return opens ? parseCall(tokens, depth) : parseSelector(tokens);
}

function parseAggregate(tokens: TokenStream, depth: number): Expression {
  const { text: word, position } = tokens.advance();
  const text = word.toLowerCase();
  const before = parseGrouping(tokens);
  tokens.expect("(");
  const arg = parseBinary(tokens, 1, depth + 1);
  tokens.expect(")");
  const grouping = before ?? parseGrouping(tokens) ?? { without: false, labels: [] };
  const node = { kind: "aggregate", operator: text as AggregateOperator, grouping, arg, position } as const;
  const problem = callProblem(
    { kind: "call", name: text, args: [arg], position },
    { args: ["vector"], returns: "vector" },
  );
  if (problem) tokens.fail(...problem);
  return node;
}

function parseGrouping(tokens: TokenStream): Grouping | undefined {
  const without = tokens.sees("without");
  if (!without && !tokens.sees("by")) return undefined;
  tokens.advance();
  return { without, labels: parseLabelList(tokens) };
}

function parseLabelList(tokens: TokenStream): string[] {
  tokens.expect("(", " before the label names");
  const labels: string[] = [];
  while (!tokens.takes(")")) {
    const { text, position } = tokens.expectKind("name", "a label name or )");
    if (text.includes(":") || text.startsWith("__")) tokens.fail(`${text} is no label name`, position);
    labels.push(text);
    if (!tokens.takes(",") && !tokens.sees(")")) tokens.fail(", or ) was expected");
  }
  return labels;
}

function parseCall(tokens: TokenStream, depth: number): Expression {
  const { text: name, position } = tokens.advance();
  const signature = Object.hasOwn(functionTable, name) ? functionTable[name] : undefined;
  if (!signature) {
    const near = nearestName(name, [...Object.keys(functionTable), ...aggregates]);
    const hint = near === undefined ? `known are ${Object.keys(functionTable).join(", ")}` : `did you mean ${near}?`;
    tokens.fail(`the function ${name} is not known; ${hint}`, position);
  }
  tokens.expect("(");
  const args: Expression[] = [];
  while (!tokens.takes(")")) {
    args.push(parseBinary(tokens, 1, depth + 1));
    if (!tokens.takes(",") && !tokens.sees(")")) tokens.fail(", or ) was expected");
  }
  const node: CallNode = { kind: "call", name, args, position };
  const problem = callProblem(node, signature);
  if (problem) tokens.fail(...problem);
  return node;
}
