export { type Redact } from "../core/index.ts";
export { MonitoringSystem } from "./monitoring-system.ts";
export { type MonitoringOptions } from "./monitoring-options.ts";
export { type ServiceSummary } from "./service-statistics.ts";
export { type MetricType, type OpenTelemetryNaming } from "./metrics/metric.ts";
export { type Labels, type LabelValue } from "./metrics/names.ts";
export { type MetricOf, type MetricOptions } from "./metrics/registry.ts";
export { Counter, type CounterSeries, Gauge, type GaugeSeries } from "./metrics/scalar.ts";
export { DEFAULT_BUCKETS, exponentialBuckets, linearBuckets } from "./metrics/buckets.ts";
export { type ExemplarLabels } from "./metrics/exemplar.ts";
export { Histogram, type HistogramSeries } from "./metrics/histogram.ts";
export { type Sample } from "./metrics/sample.ts";
export { metricsContentTypes, type MetricsFormat, type RenderOptions } from "./metrics/render.ts";
export { type PromClientRegistry } from "./interop/prom-client.ts";
export { type OpenTelemetryMeter } from "./interop/open-telemetry.ts";
export { type AlertOptions, type AlertRule, type AlertSeverity } from "./alerts/alert-rule.ts";
export { type ActiveAlert, type AlertStatus, type AlertTransition } from "./alerts/alert-engine.ts";
export { type AlertChange, type AlertDelays, type AlertState, stepAlert } from "./alerts/alert-state.ts";
export { parseExpression } from "./alerts/expression/parse-expression.ts";
export { formatExpression } from "./alerts/expression/format-expression.ts";
export { type Expression } from "./alerts/expression/expression.ts";
export {
  type AlertNotification,
  type DeliveryContext,
  type NotifiedAlert,
  type Notifier,
} from "./alerts/notify/notification.ts";
export { type NotificationCenter, type NotifierOptions } from "./alerts/notify/notification-center.ts";
export { type InhibitionOptions } from "./alerts/notify/inhibition.ts";
export { type Silence, type SilenceOptions, Silences } from "./alerts/notify/silences.ts";
export { logNotifier } from "./alerts/notifiers/log-notifier.ts";
export { webhookNotifier, type WebhookNotifierOptions } from "./alerts/notifiers/webhook-notifier.ts";
export { slackNotifier, type SlackNotifierOptions } from "./alerts/notifiers/slack-notifier.ts";
export { pagerDutyNotifier, type PagerDutyNotifierOptions } from "./alerts/notifiers/pagerduty-notifier.ts";
export { alertmanagerNotifier, type AlertmanagerNotifierOptions } from "./alerts/notifiers/alertmanager-notifier.ts";
export { type GrafanaDashboard } from "./alerts/grafana-dashboard.ts";
export { type SloOptions, type SloStatus } from "./slo/slo.ts";
export { planAlerts, registerPlanAlerts } from "./alerts/plan-alerts.ts";
export { HealthRegistry } from "./health/health-registry.ts";
export { type CheckFinding, type HealthCheckOptions } from "./health/health-check.ts";
export { ProcessCheck, type ProcessCheckOptions, type ProcessReadings } from "./health/process-check.ts";
export { feedFromCalls, PassiveCheck, type PassiveCheckOptions } from "./health/passive-check.ts";
export {
  type CheckReport,
  type HealthReport,
  type HealthStatus,
  type ReadinessReport,
} from "./health/health-report.ts";
export {
  createLogger,
  type CreateLoggerOptions,
  type IntegrationLogger,
  type LogDestination,
  type LogLevel,
  logLevels,
} from "./logs/create-logger.ts";
export { createTextRedactor } from "./logs/redaction.ts";
export { logEvents, type LogEventsOptions } from "./logs/log-events.ts";
export { RotatingFile, type RotatingFileOptions } from "./logs/rotating-file.ts";
export { CallTracing, type CallTracingOptions, type TraceFields } from "./traces/call-tracing.ts";
export { loadOpenTelemetry, type OpenTelemetryApi } from "./traces/opentelemetry-api.ts";
export { tracedFetch, type TracedFetchOptions, type TracePropagation } from "./traces/traced-fetch.ts";
