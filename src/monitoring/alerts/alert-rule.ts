import { IntegrationError } from "../../core/index.ts";
import { type AlertCondition, parseCondition } from "./condition.ts";
import { parseDuration } from "./duration.ts";

export const alertSeverities = ["info", "warning", "critical"] as const;
export type AlertSeverity = (typeof alertSeverities)[number];

/** An alert as it is written down. */
export interface AlertOptions {
  /** `name > 90` or `name{service="neon"} >= 0.05`; operators >, >=, <, <=. The name may be an alias. */
  readonly condition: string;
  /** How long the condition must hold before it fires: `30s`, `2m`, `1h30m`. @defaultValue fires at once */
  readonly for?: string | undefined;
  readonly severity: AlertSeverity;
  /** One sentence for the one who is woken. */
  readonly message: string;
}

/** An alert, parsed and checked. */
export interface AlertRule {
  readonly name: string;
  readonly condition: AlertCondition;
  readonly forMs: number;
  readonly severity: AlertSeverity;
  readonly message: string;
}

/** @throws IntegrationError INVALID_INPUT naming every wrong part at once */
export function parseRule(name: string, options: AlertOptions): AlertRule {
  const problems: string[] = [];
  const collect = <T>(part: () => T): T | undefined => {
    try {
      return part();
    } catch (error) {
      problems.push((error as Error).message);
      return undefined;
    }
  };
  const condition = collect(() => parseCondition(options.condition));
  const forMs = options.for === undefined ? 0 : parseDuration(options.for);
  if (typeof name !== "string" || !/^\S/.test(name))
    problems.push(`the name must be text, got ${JSON.stringify(name)}`);
  if (forMs === undefined)
    problems.push(`for must be a duration such as 30s, 2m or 1h30m, got ${JSON.stringify(options.for)}`);
  if (!alertSeverities.includes(options.severity))
    problems.push(`severity must be one of ${alertSeverities.join(", ")}, got ${JSON.stringify(options.severity)}`);
  if (typeof options.message !== "string" || options.message.trim() === "")
    problems.push(`message must say what is wrong, got ${JSON.stringify(options.message)}`);
  if (!condition || forMs === undefined || problems.length > 0)
    throw new IntegrationError({ code: "INVALID_INPUT", message: `Alert ${name}: ${problems.join("; ")}` });
  return { name, condition, forMs, severity: options.severity, message: options.message };
}
