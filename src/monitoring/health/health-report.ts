export type HealthStatus = "up" | "degraded" | "down";

/** What one check found. */
export interface CheckReport {
  readonly status: HealthStatus;
  /** A critical check that is down takes the whole report down. */
  readonly critical: boolean;
  /** For people: what is wrong. Holds no secret. */
  readonly message?: string;
  /** For machines: an error code, or why there is nothing to check. */
  readonly reason?: string;
  readonly durationMs: number;
  /** When it was found, ISO 8601. A cached finding keeps its time. */
  readonly checkedAt: string;
}

/** Health at large and check by check. Plain JSON. */
export interface HealthReport {
  readonly status: HealthStatus;
  readonly checks: Readonly<Record<string, CheckReport>>;
}

/** Whether traffic should come here. */
export interface ReadinessReport extends HealthReport {
  readonly ready: boolean;
  /** Why not. */
  readonly reason?: string;
}

/** Down as soon as something critical is; degraded while anything is not as it should be. */
export function overallStatus(checks: Iterable<CheckReport>): HealthStatus {
  let status: HealthStatus = "up";
  for (const check of checks) {
    if (check.status === "down" && check.critical) return "down";
    if (check.status !== "up") status = "degraded";
  }
  return status;
}
