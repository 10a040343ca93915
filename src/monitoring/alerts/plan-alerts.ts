import { type AlertOptions } from "./alert-rule.ts";

/** The deployment plan's alerts, under their names. */
export const planAlerts: Readonly<Record<string, AlertOptions>> = {
  neon_connection_pool_exhausted: {
    condition: "neon_connection_pool_usage > 90",
    severity: "critical",
    message: "NEON connection pool nearly exhausted",
  },
  neon_high_error_rate: {
    condition: "neon_error_rate > 0.05",
    severity: "warning",
    message: "NEON error rate above 5%",
  },
  mcp_high_error_rate: {
    condition: "mcp_error_rate > 0.1",
    severity: "critical",
    message: "MCP error rate above 10%",
  },
};

/** Adds the plan's alerts to anything that takes alerts. Adding them again changes nothing. */
export function registerPlanAlerts(target: { addAlert(name: string, options: AlertOptions): void }): void {
  for (const [name, options] of Object.entries(planAlerts)) target.addAlert(name, options);
}
