import { IntegrationError } from "../../core/index.ts";

/** Prometheus allows `:` too, but keeps it for recording rules. */
const metricName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const labelName = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Labels that the exposition formats use themselves. */
const reservedLabels = new Set(["le", "quantile"]);

/** What a label may be given as; it is exported as text. */
export type LabelValue = string | number | boolean;
/** A missing label is an empty one: the same series, as in Prometheus. */
export type Labels<L extends string = string> = Readonly<Partial<Record<L, LabelValue>>>;

/** @throws IntegrationError INVALID_INPUT that lists every bad name at once */
export function checkNames(name: string, labels: readonly string[]): void {
  const problems: string[] = [];
  if (typeof name !== "string" || !metricName.test(name))
    problems.push(`the metric name must match ${metricName.source}, got ${JSON.stringify(name)}`);
  for (const label of labels) {
    if (typeof label !== "string" || !labelName.test(label))
      problems.push(`a label name must match ${labelName.source}, got ${JSON.stringify(label)}`);
    else if (reservedLabels.has(label)) problems.push(`the label ${label} is reserved by the exposition format`);
  }
  if (new Set(labels).size !== labels.length) problems.push(`label names must differ, got ${labels.join(", ")}`);
  if (problems.length > 0)
    throw new IntegrationError({ code: "INVALID_INPUT", message: `Metric ${String(name)}: ${problems.join("; ")}` });
}

export const isLabelName = (name: string): boolean => labelName.test(name);

/** Longer label values are cut: a series lives as long as the process. */
export const MAX_LABEL_LENGTH = 256;

// Control characters and line separators never belong in a label, and some consumers split lines at them. The line
// feed stays: both formats have an escape for it. Bidirectional controls would forge what an operator reads.
// eslint-disable-next-line no-control-regex
const unwanted = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Makes any text fit to be a label value. Lone surrogates would become equal bytes, that is duplicate series. */
export function cleanLabelValue(value: string): string {
  const cut = value.length > MAX_LABEL_LENGTH ? `${value.slice(0, MAX_LABEL_LENGTH - 1)}…` : value;
  return cut.toWellFormed().replace(unwanted, "\ufffd");
}

export function escapeLabelValue(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
}

/** OpenMetrics escapes quotes in HELP, the older text format must not. */
export function escapeHelp(help: string, format: "prometheus" | "openmetrics"): string {
  const text = help.replace(/\\/g, "\\\\").replace(/\r?\n/g, "\\n").replace(unwanted, "\ufffd");
  return format === "openmetrics" ? text.replace(/"/g, '\\"') : text;
}
