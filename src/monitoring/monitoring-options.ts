import { type CallRunner, type Clock, type Random, systemClock, systemRandom, checkNumbers } from "../core/index.ts";

export interface MonitoringOptions {
  /** @defaultValue the system's */
  readonly clock?: Clock | undefined;
  /** Jitter of the background checks. @defaultValue the system's */
  readonly random?: Random | undefined;
  /** Gives what runs deliveries of alerts: retries, breaker, ledger. Asked when a notifier is added. @defaultValue one attempt each */
  readonly runner?: (() => CallRunner) | undefined;
  /** Series that one metric may have, the overflow series included; 2 to 1,000,000. @defaultValue 2000 */
  readonly maxSeriesPerMetric?: number | undefined;
  /**
   * Series to which nothing was recorded for so long are dropped, ms, 1000 and above; those without labels and computed
   * ones stay. A counter that is recorded to again through a handle of `labels()` goes on where it stopped;
   * looked up afresh it starts from 0, which scrapers take for a reset (`_created` tells it in OpenMetrics). Choose it
   * longer than the longest range of your rules, so that no range spans both lives. Each drop is counted in
   * `enhanced_integration_metrics_expired_total{metric}`. @defaultValue none are dropped
   */
  readonly seriesTtlMs?: number | undefined;
  /** Metrics of the process: CPU, memory, event loop. @defaultValue true */
  readonly defaultMetrics?: boolean | undefined;
  /** The plan's three alerts. @defaultValue true */
  readonly planAlerts?: boolean | undefined;
  /**
   * Most samples that alert conditions hold for their ranges, 17 bytes each; 1,000 to 100,000,000. Beyond it ranges become
   * shorter and new series are left out, counted in `enhanced_integration_alert_samples_dropped_total`.
   * @defaultValue 500000 (8.5 MB)
   */
  readonly maxAlertSamples?: number | undefined;
  /** Window of the rates and of active users, ms; 1 s to 1 day. @defaultValue 300000 */
  readonly rateWindowMs?: number | undefined;
  /** Records in the window below which a rate has no data; 1 to 1,000,000. @defaultValue 10 */
  readonly rateMinimumSamples?: number | undefined;
}

/** Of what was left out. */
const defaults = {
  clock: systemClock,
  random: systemRandom,
  maxSeriesPerMetric: 2_000,
  defaultMetrics: true,
  planAlerts: true,
  maxAlertSamples: 500_000,
  rateWindowMs: 300_000,
  rateMinimumSamples: 10,
};

const ranges = {
  maxSeriesPerMetric: { min: 2, max: 1_000_000, integer: true },
  seriesTtlMs: { min: 1_000, max: Infinity },
  maxAlertSamples: { min: 1_000, max: 100_000_000, integer: true },
  rateWindowMs: { min: 1_000, max: 86_400_000 },
  rateMinimumSamples: { min: 1, max: 1_000_000, integer: true },
};

export type ResolvedMonitoringOptions = { readonly [K in keyof typeof defaults]: (typeof defaults)[K] } & {
  readonly seriesTtlMs: number | undefined;
  readonly runner: (() => CallRunner) | undefined;
};

/** @throws IntegrationError INVALID_INPUT naming every option out of range */
export function resolveMonitoringOptions(options: MonitoringOptions): ResolvedMonitoringOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved = { seriesTtlMs: undefined, runner: undefined, ...defaults, ...given };
  checkNumbers("MonitoringSystem", { ...resolved, seriesTtlMs: options.seriesTtlMs ?? Infinity }, ranges);
  return resolved;
}
