import { escapeControls } from "../logs/control-characters.ts";
import { formatExpression } from "./expression/format-expression.ts";
import { type SeriesSource } from "./history/series-source.ts";
import { type AlertRule } from "./alert-rule.ts";
import { formatDuration } from "./duration.ts";

/** The same alerts as a rule file for Prometheus. Every text is a JSON string without raw controls, which YAML reads as it is. */
export function prometheusRules(rules: readonly AlertRule[], source: Pick<SeriesSource, "resolve">): string {
  const lines = ["groups:", `  - name: "enhanced-integration"`, rules.length === 0 ? "    rules: []" : "    rules:"];
  for (const rule of rules) {
    const { name, condition, forMs, keepFiringForMs, severity, message, fleet } = rule;
    // Prometheus knows the exported names only, never an alias.
    const nameOf = (metric: string): string => source.resolve(metric) ?? metric;
    const expression = fleet ? fleet.expression(nameOf) : formatExpression(condition, nameOf);
    lines.push(`      - alert: ${quote(name)}`, `        expr: ${quote(expression)}`);
    if (forMs > 0) lines.push(`        for: ${quote(formatDuration(forMs))}`);
    if (keepFiringForMs > 0) lines.push(`        keep_firing_for: ${quote(formatDuration(keepFiringForMs))}`);
    lines.push("        labels:", ...textLines({ severity, ...fleet?.labels, ...rule.labels }));
    lines.push("        annotations:", ...textLines({ summary: message, ...rule.annotations }));
  }
  return `${lines.join("\n")}\n`;
}

function textLines(texts: Readonly<Record<string, string>>): string[] {
  return Object.entries(texts).map(([name, text]) => `          ${name}: ${quote(text)}`);
}

/** Half of a surrogate pair is no character in YAML, and of controls it takes only escaped ones. */
const quote = (text: string): string => escapeControls(JSON.stringify(text.toWellFormed()));
