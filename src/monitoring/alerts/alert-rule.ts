import { IntegrationError } from "../../core/index.ts";
import { parseDuration } from "./duration.ts";
import { type Expression } from "./expression/expression.ts";
import { parseExpression } from "./expression/parse-expression.ts";
import { type AlertDelays } from "./alert-state.ts";
import { parseTemplate, type Template } from "./template.ts";

export const alertSeverities = ["info", "warning", "critical"] as const;
export type AlertSeverity = (typeof alertSeverities)[number];

/** An alert as it is written down. */
export interface AlertOptions {
  /**
   * A condition in PromQL: `neon_connection_pool_usage > 90`, `rate(errors_total[5m]) / rate(calls_total[5m]) > 0.05`,
   * `histogram_quantile(0.99, sum by (le) (rate(x_seconds_bucket[5m]))) > 1`, `absent(x)`. Names may be aliases. Every
   * series that it gives is an alert of its own.
   */
  readonly condition: string;
  /** How long the condition must hold before it fires: `30s`, `2m`, `1h30m`. @defaultValue fires at once */
  readonly for?: string | undefined;
  /** How long it goes on firing after the condition held last, so that flapping is one alert. @defaultValue not at all */
  readonly keepFiringFor?: string | undefined;
  readonly severity: AlertSeverity;
  /** One sentence for the one who is woken; may hold `{{ $value }}` and `{{ $labels.name }}`. */
  readonly message: string;
  /** Labels to route and silence by, beside those of the series; templates as in `message`. @defaultValue none */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** More to read, e.g. `runbook_url`; templates as in `message`. @defaultValue none */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** How Prometheus asks what an alert asks here, where that differs: it sees all processes, we see this one. */
export interface FleetRule {
  /** @param nameOf the exported name of each metric */
  readonly expression: (nameOf: (name: string) => string) => string;
  /** Labels that the series of the condition have here, and those of the expression do not. */
  readonly labels: Readonly<Record<string, string>>;
}

/** An alert, parsed and checked. */
export interface AlertRule extends Required<AlertDelays> {
  readonly name: string;
  readonly condition: Expression;
  readonly severity: AlertSeverity;
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly fleet?: FleetRule;
  readonly templates: {
    readonly message: Template;
    readonly labels: Readonly<Record<string, Template>>;
    readonly annotations: Readonly<Record<string, Template>>;
  };
}

const labelName = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

/** They are the alert's own fields, and would not survive beside them. */
const ownLabels: Readonly<Record<string, string>> = {
  alertname: "the name is a label already",
  severity: "say it as severity",
};
const ownAnnotations: Readonly<Record<string, string>> = { summary: "say it as message" };

/** @throws IntegrationError INVALID_INPUT naming every wrong part at once */
export function parseRule(name: string, options: AlertOptions): AlertRule {
  const problems: string[] = [];
  const attempt = <T>(part: () => T): T | undefined => {
    try {
      return part();
    } catch (error) {
      problems.push((error as Error).message);
      return undefined;
    }
  };
  const duration = (option: "for" | "keepFiringFor"): number => {
    const text = options[option];
    const ms = text === undefined ? 0 : parseDuration(text);
    if (ms === undefined)
      problems.push(`${option} must be a duration such as 30s, 2m or 1h30m, got ${JSON.stringify(text)}`);
    return ms ?? 0;
  };
  const template = (what: string, text: string): Template => {
    const parsed = typeof text === "string" ? parseTemplate(text) : { problem: `must be text, got ${typeof text}` };
    if ("template" in parsed) return parsed.template;
    problems.push(`${what}: ${parsed.problem}`);
    return () => "";
  };
  const templates = (what: string, texts: Readonly<Record<string, string>>, own: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(texts).map(([key, text]) => {
        if (!labelName.test(key)) problems.push(`${what} ${JSON.stringify(key)} must match ${labelName.source}`);
        if (Object.hasOwn(own, key)) problems.push(`${what} ${key} is taken: ${own[key]}`);
        return [key, template(`${what} ${key}`, text)];
      }),
    );

  const condition = attempt(() => parseExpression(options.condition));
  const delays = { forMs: duration("for"), keepFiringForMs: duration("keepFiringFor") };
  const { severity, message, labels = {}, annotations = {} } = options;
  if (typeof name !== "string" || !/^\S/.test(name))
    problems.push(`the name must be text, got ${JSON.stringify(name)}`);
  if (!alertSeverities.includes(severity))
    problems.push(`severity must be one of ${alertSeverities.join(", ")}, got ${JSON.stringify(severity)}`);
  if (typeof message !== "string" || message.trim() === "")
    problems.push(`message must say what is wrong, got ${JSON.stringify(message)}`);
  const parsed = {
    message: template("message", String(message)),
    labels: templates("label", labels, ownLabels),
    annotations: templates("annotation", annotations, ownAnnotations),
  };
  if (!condition || problems.length > 0)
    throw new IntegrationError({ code: "INVALID_INPUT", message: `Alert ${name}: ${problems.join("; ")}` });
  return { name, condition, ...delays, severity, message, labels, annotations, templates: parsed };
}
