import { type MetricRegistry } from "../metrics/registry.ts";
import { type AlertRule } from "./alert-rule.ts";
import { type AlertCondition } from "./condition.ts";
import { formatDuration } from "./duration.ts";

/** The same alerts as a rule file for Prometheus. Every text is a JSON string, which YAML reads as it is. */
export function prometheusRules(rules: readonly AlertRule[], registry: MetricRegistry): string {
  const lines = ["groups:", `  - name: "enhanced-integration"`, rules.length === 0 ? "    rules: []" : "    rules:"];
  for (const rule of rules) {
    lines.push(`      - alert: ${quote(rule.name)}`, `        expr: ${quote(expression(rule.condition, registry))}`);
    if (rule.forMs > 0) lines.push(`        for: ${quote(formatDuration(rule.forMs))}`);
    lines.push("        labels:", `          severity: ${quote(rule.severity)}`);
    lines.push("        annotations:", `          summary: ${quote(escapeTemplate(rule.message))}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Prometheus knows the exported name only, never an alias. */
function expression(condition: AlertCondition, registry: MetricRegistry): string {
  const name = registry.find(condition.metric)?.name ?? condition.metric;
  const matchers = Object.entries(condition.matchers).map(([label, value]) => `${label}=${quote(value)}`);
  const selector = matchers.length === 0 ? name : `${name}{${matchers.join(",")}}`;
  return `${selector} ${condition.operator} ${condition.threshold}`;
}

const quote = (text: string): string => JSON.stringify(text);

/** Annotations are templates: braces of the message must stay text. */
const escapeTemplate = (text: string): string => text.replaceAll("{{", '{{ "{{" }}');
