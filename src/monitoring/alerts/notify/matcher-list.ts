import { type Matcher } from "../expression/expression.ts";
import { parseExpression } from "../expression/parse-expression.ts";
import { labelOf, type LabelSet } from "../expression/sample.ts";
import { IntegrationError } from "../../../core/index.ts";

/**
 * Parses `alertname="x", service=~"neon|ollama"`, in braces or without.
 * @throws IntegrationError INVALID_INPUT that says where the text goes wrong
 */
export function parseMatcherList(text: string): readonly Matcher[] {
  const inner = /^\s*\{([\s\S]*)\}\s*$/.exec(text)?.[1] ?? text;
  const expression = parseExpression(`alerts{${inner}}`);
  if (expression.kind === "selector" && expression.matchers.length > 0) return expression.matchers;
  throw new IntegrationError({
    code: "INVALID_INPUT",
    message: `Matchers are written as alertname="x", service=~"neon|ollama", at least one; got ${JSON.stringify(text)}`,
  });
}

export function matchesAll(matchers: readonly Matcher[], labels: LabelSet): boolean {
  return matchers.every(({ label, matches }) => matches(labelOf(labels, label)));
}
