import { IntegrationError } from "../../core/index.ts";
import { comparisonOperators, type Expression, selectorsOf } from "./expression/expression.ts";
import { nearestName } from "./expression/nearest-name.ts";
import { type SeriesSource } from "./history/series-source.ts";
import { type AlertRule } from "./alert-rule.ts";

/**
 * Refuses what can only be a mistake. A metric that nobody declared is none: it may be declared later, and until then
 * the alert has no data and says why.
 * @throws IntegrationError INVALID_INPUT for a histogram without `_bucket`, `_sum` or `_count`, or a threshold that is
 * an unknown name
 */
export function checkNames({ name, condition }: AlertRule, source: SeriesSource): void {
  const problems: string[] = [];
  for (const node of selectorsOf(condition)) {
    const metric = (node.kind === "range" ? node.selector : node).name;
    if (source.isHistogram(metric)) {
      const exported = source.resolve(metric);
      problems.push(
        `${exported} is a histogram and has no single value; use ${exported}_count, ${exported}_sum or histogram_quantile(0.95, rate(${exported}_bucket[5m]))`,
      );
    }
  }
  const threshold = unknownThreshold(condition, source);
  if (threshold)
    problems.push(
      `character ${threshold.position + 1}: a number or a known metric was expected, found ${threshold.name}${suggestion(threshold.name, source)}`,
    );
  if (problems.length > 0)
    throw new IntegrationError({ code: "INVALID_INPUT", message: `Alert ${name}: ${problems.join("; ")}` });
}

/** Why a rule has no data, where its names are the reason. */
export function unknownNames({ condition }: AlertRule, source: SeriesSource): string | undefined {
  const names = selectorsOf(condition).map((node) => (node.kind === "range" ? node.selector : node).name);
  const unknown = [...new Set(names)].filter((name) => source.resolve(name) === undefined);
  if (unknown.length === 0) return undefined;
  const described = unknown.map((name) => `${name}${suggestion(name, source)}`);
  return `no such metric: ${described.join(", ")}`;
}

function suggestion(name: string, source: SeriesSource): string {
  const near = nearestName(name, source.names());
  return near === undefined ? "" : ` (did you mean ${near}?)`;
}

/** `x > abc`: on the right of a comparison a bare unknown name is a threshold gone wrong. */
function unknownThreshold(
  expression: Expression,
  source: SeriesSource,
): { name: string; position: number } | undefined {
  switch (expression.kind) {
    case "binary": {
      const { operator, left, right } = expression;
      const isBare = right.kind === "selector" && right.matchers.length === 0;
      if (comparisonOperators.has(operator) && isBare && source.resolve(right.name) === undefined) return right;
      return unknownThreshold(left, source) ?? unknownThreshold(right, source);
    }
    case "call":
      return expression.args.map((arg) => unknownThreshold(arg, source)).find((found) => found);
    case "aggregate":
    case "negate":
      return unknownThreshold(expression.arg, source);
    default:
      return undefined;
  }
}
