import { DistinctWindow } from "./metrics/distinct-window.ts";
import { RatioWindow, type RatioWindowOptions } from "./metrics/ratio-window.ts";
import { type StandardMetrics } from "./standard-metrics.ts";

/** What is kept over a window of time and read as a gauge. */
export interface RateWindows {
  readonly neonErrors: RatioWindow;
  readonly mcpErrors: RatioWindow;
  readonly authSuccesses: RatioWindow;
  readonly activeUsers: DistinctWindow;
}

/** Makes the windows, and has the plan's gauges read from them. */
export function createRateWindows(options: RatioWindowOptions, metrics: StandardMetrics): RateWindows {
  const windows = {
    neonErrors: new RatioWindow(options),
    mcpErrors: new RatioWindow(options),
    authSuccesses: new RatioWindow(options),
    activeUsers: new DistinctWindow(options),
  };
  metrics.neonErrorRate.labels().compute(() => windows.neonErrors.ratio());
  metrics.mcpErrorRate.labels().compute(() => windows.mcpErrors.ratio());
  metrics.authSuccessRate.labels().compute(() => windows.authSuccesses.ratio());
  metrics.activeUsers.labels().compute(() => windows.activeUsers.count());
  return windows;
}
