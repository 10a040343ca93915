import { IntegrationError } from "../../../core/index.ts";
import { type BinaryNode, type BinaryOperator, comparisonOperators, type Matching } from "./expression.ts";
import { labelKey, omitLabels, pickLabels, type Sample } from "./sample.ts";

/** @returns the result of arithmetic, or 1 and 0 for what a comparison says */
export function combine(operator: BinaryOperator, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return a % b;
    case "^":
      // IEEE 754 and Go say 1 where ECMAScript says NaN.
      return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
    case ">":
      return Number(a > b);
    case ">=":
      return Number(a >= b);
    case "<":
      return Number(a < b);
    case "<=":
      return Number(a <= b);
    case "==":
      return Number(a === b);
    case "!=":
      return Number(a !== b);
    default:
      return NaN;
  }
}

/** Between each sample and one number. A comparison keeps or drops the sample as it is. */
export function combineWithNumber(
  { operator, returnBool }: BinaryNode,
  samples: readonly Sample[],
  number: number,
  numberIs: "left" | "right",
): Sample[] {
  const result: Sample[] = [];
  const filters = comparisonOperators.has(operator) && !returnBool;
  for (const sample of samples) {
    const { value, labels } = sample;
    const combined = numberIs === "left" ? combine(operator, number, value) : combine(operator, value, number);
    if (!filters) result.push({ name: "", labels, value: combined });
    else if (combined === 1) result.push(sample);
  }
  return result;
}

/**
 * Between the samples of two sides with equal labels, each with at most one.
 * @throws IntegrationError CONFLICT when a sample has several partners
 */
export function combineVectors(node: BinaryNode, left: readonly Sample[], right: readonly Sample[]): Sample[] {
  const { operator, matching, returnBool } = node;
  if (left.length === 0 || right.length === 0) return [];
  const isComparison = comparisonOperators.has(operator);
  const partners = new Map<string, Sample>();
  for (const sample of right) {
    const key = matchKey(sample, matching);
    if (partners.has(key)) throw ambiguous(operator, "right", matching);
    partners.set(key, sample);
  }
  const matched = new Set<string>();
  const result: Sample[] = [];
  for (const sample of left) {
    const key = matchKey(sample, matching);
    const partner = partners.get(key);
    if (!partner) continue;
    const value = combine(operator, sample.value, partner.value);
    if (isComparison && !returnBool && value === 0) continue;
    if (matched.has(key)) throw ambiguous(operator, "left", matching);
    matched.add(key);
    const labels = (matching.on ? pickLabels : omitLabels)(sample.labels, matching.labels);
    const keeps = isComparison && !returnBool;
    result.push({ name: keeps && !matching.on ? sample.name : "", labels, value: keeps ? sample.value : value });
  }
  return result;
}

/** `and`, `or`, `unless`: the left side's samples with or without a partner, and for `or` the right's without. */
export function combineSets(node: BinaryNode, left: readonly Sample[], right: readonly Sample[]): Sample[] {
  const { operator, matching } = node;
  const keys = (samples: readonly Sample[]) => new Set(samples.map((sample) => matchKey(sample, matching)));
  if (operator === "or") {
    const known = keys(left);
    return [...left, ...right.filter((sample) => !known.has(matchKey(sample, matching)))];
  }
  const others = keys(right);
  return left.filter((sample) => others.has(matchKey(sample, matching)) === (operator === "and"));
}

function matchKey({ labels }: Sample, { on, labels: names }: Matching): string {
  return labelKey((on ? pickLabels : omitLabels)(labels, names));
}

function ambiguous(operator: BinaryOperator, side: "left" | "right", { on, labels }: Matching): IntegrationError {
  const pairs = on ? `on (${labels.join(", ")})` : labels.length > 0 ? `ignoring (${labels.join(", ")})` : "all labels";
  return new IntegrationError({
    code: "CONFLICT",
    message: `Several series on the ${side} of ${operator} have one partner (matched by ${pairs}); sum by the labels that both sides share`,
  });
}
