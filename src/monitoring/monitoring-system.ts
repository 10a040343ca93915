import { type EventBus, checkNumbers } from "../core/index.ts";
import { type ActiveAlert, type AlertEngine, type AlertStatus, type AlertTransition } from "./alerts/alert-engine.ts";
import { type GrafanaDashboard, grafanaDashboard } from "./alerts/grafana-dashboard.ts";
import { RegistrySource } from "./alerts/history/registry-source.ts";
import { alertEngineOf } from "./alerts/alert-engine-of.ts";
import { type AlertOptions } from "./alerts/alert-rule.ts";
import { NotificationCenter } from "./alerts/notify/notification-center.ts";
import { registerPlanAlerts } from "./alerts/plan-alerts.ts";
import { HostMetrics } from "./interop/host-metrics.ts";
import { bridgeTo, type OpenTelemetryMeter } from "./interop/open-telemetry.ts";
import { exposeTo, type PromClientRegistry } from "./interop/prom-client.ts";
import { type MetricType } from "./metrics/metric.ts";
import { type Labels } from "./metrics/names.ts";
import { ProcessMetrics } from "./metrics/process-metrics.ts";
import { type MetricOf, type MetricOptions, MetricRegistry } from "./metrics/registry.ts";
import { metricsContentTypes, metricsFormatFor, type RenderOptions } from "./metrics/render.ts";
import { type Sample } from "./metrics/sample.ts";
import { type Counter, type Gauge } from "./metrics/scalar.ts";
import { type Histogram } from "./metrics/histogram.ts";
import { MetricsExport } from "./metrics-export.ts";
import { type MonitoringOptions, resolveMonitoringOptions } from "./monitoring-options.ts";
import { type SloOptions, type SloStatus } from "./slo/slo.ts";
import { SloRegistry } from "./slo/slo-registry.ts";
import { observeEvents } from "./observe-events.ts";
import { createRateWindows, type RateWindows } from "./rate-windows.ts";
import { registerOwnMetrics } from "./own-metrics.ts";
import { Repeater } from "./repeater.ts";
import { ServiceStatistics, type ServiceSummary } from "./service-statistics.ts";
import { registerStandardMetrics, type StandardMetrics } from "./standard-metrics.ts";

/**
 * Metrics and alerts in one process, without infrastructure: record, alert, export.
 *
 * @example
 * const monitoring = new MonitoringSystem();
 * const jobs = monitoring.trackMetric("jobs_done", "counter", { labels: ["queue"] });
 * jobs.labels({ queue: "mail" }).inc();
 * monitoring.addAlert("jobs_stuck", { condition: "jobs_waiting > 100", for: "2m", severity: "warning", message: "Jobs pile up" });
 * const text = await monitoring.metrics();
 */
export class MonitoringSystem {
  /** From alerts to people: notifiers, silences, inhibition. */
  readonly notifications: NotificationCenter;
  readonly #registry: MetricRegistry;
  readonly #alerts: AlertEngine;
  readonly #slos: SloRegistry;
  readonly #standard: StandardMetrics;
  readonly #windows: RateWindows;
  readonly #services = new ServiceStatistics();
  readonly #listeners = new Set<(transition: AlertTransition) => unknown>();
  readonly #background: Repeater;
  readonly #listenerFaults: Counter;
  readonly #process: ProcessMetrics | undefined;
  readonly #hosts: HostMetrics;
  readonly #export: MetricsExport;

  /** @throws IntegrationError INVALID_INPUT naming every option out of range */
  constructor(options: MonitoringOptions = {}) {
    const resolved = resolveMonitoringOptions(options);
    const { clock, rateWindowMs: windowMs, rateMinimumSamples: minimumSamples } = resolved;
    this.#registry = new MetricRegistry(resolved);
    const own = registerOwnMetrics(this.#registry, () => this.activeAlerts());
    this.#listenerFaults = own.listenerFaults;
    this.#hosts = new HostMetrics(clock, () => own.hostFaults.inc());
    const source = new RegistrySource(this.#registry, this.#hosts);
    this.#alerts = alertEngineOf(this.#registry, source, resolved);
    this.#slos = new SloRegistry(this.#registry, source, clock);
    this.notifications = new NotificationCenter({ clock, deliveries: own.deliveries, runner: resolved.runner });
    this.#standard = registerStandardMetrics(this.#registry);
    this.#process = resolved.defaultMetrics ? new ProcessMetrics(this.#registry, clock) : undefined;
    this.#export = new MetricsExport(this.#registry, this.#process, this.#hosts, clock);
    this.#windows = createRateWindows({ clock, windowMs, minimumSamples }, this.#standard);
    const task = () => this.readIncluded().then(() => void this.#checkAlerts());
    this.#background = new Repeater({ clock, random: resolved.random, task });
    if (resolved.planAlerts) registerPlanAlerts(this);
  }

  /**
   * Declares a metric and returns its handle. Declaring it again alike returns the same one.
   * @throws IntegrationError INVALID_INPUT for bad names or buckets; CONFLICT when it was declared differently
   */
  trackMetric<T extends MetricType, const L extends string = string>(
    name: string,
    type: T,
    options?: MetricOptions<L>,
  ): MetricOf<L>[T] {
    return this.#registry.register(name, type, options);
  }

  /**
   * Records by name: a counter adds, a gauge is set, a histogram observes. Never throws: unknown names and labels, NaN,
   * infinities and negative increments are refused and counted in `enhanced_integration_metrics_refused_total{reason}`.
   */
  recordMetric(name: string, value: number, labels?: Labels): void {
    this.#registry.record(name, value, labels);
  }

  /** @throws IntegrationError INVALID_INPUT when it is not registered, or has another type */
  counter(name: string): Counter {
    return this.#registry.get(name, "counter");
  }

  /** @throws IntegrationError INVALID_INPUT when it is not registered, or has another type */
  gauge(name: string): Gauge {
    return this.#registry.get(name, "gauge");
  }

  /** @throws IntegrationError INVALID_INPUT when it is not registered, or has another type */
  histogram(name: string): Histogram {
    return this.#registry.get(name, "histogram");
  }

  /**
   * Adds an alert; one of the same name is replaced.
   * @throws IntegrationError INVALID_INPUT that says where the condition went wrong
   */
  addAlert(name: string, options: AlertOptions): void {
    this.#alerts.add(name, options);
  }

  /**
   * Follows an objective: burn rates and the budget left as gauges, and two alerts, `<name>_slo_page` and
   * `<name>_slo_ticket`, over pairs of windows.
   * @throws IntegrationError INVALID_INPUT naming every option out of range; CONFLICT for a name that is taken
   */
  addSlo(name: string, options: SloOptions): void {
    this.#slos.add(name, options, (alert, rule, fleet) => this.#alerts.add(alert, rule, fleet));
  }

  /** Every objective and where it stands. */
  slos(): SloStatus[] {
    return this.#slos.statuses();
  }

  /** Every alert and where it stands, `no-data` included. */
  alerts(): AlertStatus[] {
    return this.#alerts.statuses();
  }

  /** Every alert that is pending or firing now, one for each series. */
  activeAlerts(): ActiveAlert[] {
    return this.#alerts.active();
  }

  /**
   * Steps all alerts to now, over {@link include}d registries as they were read last: at the check before, or by
   * {@link readIncluded}. @returns what changed; each change is told once
   */
  checkAlerts(): AlertTransition[] {
    void this.readIncluded();
    return this.#checkAlerts();
  }

  #checkAlerts(): AlertTransition[] {
    this.#slos.record();
    const transitions = this.#alerts.check();
    this.notifications.step(this.#alerts.active());
    for (const transition of transitions) for (const listener of this.#listeners) this.#notify(listener, transition);
    return transitions;
  }

  /** @returns a function that unsubscribes */
  onAlert(listener: (transition: AlertTransition) => unknown): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Shows all metrics, those of the future included, in a host's prom-client registry: its `/metrics` then has ours too.
   * A name that the registry already has (its own default metrics, say) stays the host's.
   * @returns a function that takes them out again
   * @example
   * import { register } from "prom-client";
   * integration.monitoring.exposeTo(register);
   */
  exposeTo(registry: PromClientRegistry): () => void {
    return exposeTo(this.#registry, registry);
  }

  /**
   * Exports a host's prom-client metrics with ours, in both formats, and lets alerts and objectives name them. A name that
   * we have too is told once, by us. Do not expose to the registry that is included.
   * @returns a function that ends it
   */
  include(registry: PromClientRegistry): () => void {
    return this.#hosts.include(registry);
  }

  /** Reads what alerts and objectives name of {@link include}d registries, for the next {@link checkAlerts}. Never rejects. */
  readIncluded(): Promise<void> {
    return this.#hosts.refresh([...this.#alerts.metricNames, ...this.#slos.metricNames]);
  }

  /**
   * Feeds a meter of the host's OpenTelemetry with all metrics, those of the future included, under OpenTelemetry's names
   * where its conventions have one (`db.client.operation.duration`). Counters and gauges are read when the host collects.
   * @returns a function that ends it
   * @example
   * import { metrics } from "@opentelemetry/api";
   * integration.monitoring.bridgeTo(metrics.getMeter("enhanced-integration"));
   */
  bridgeTo(meter: OpenTelemetryMeter): () => void {
    return bridgeTo(this.#registry, meter);
  }

  /**
   * Checks the alerts in the background every `intervalMs` (jittered; timers hold no process), and watches garbage
   * collections and the event loop's delay, where default metrics are wanted.
   */
  start(intervalMs = 15_000): void {
    checkNumbers("MonitoringSystem.start", { intervalMs }, { intervalMs: { min: 100, max: 86_400_000 } });
    this.#background.start(intervalMs);
    this.#process?.start();
  }

  stop(): void {
    this.#background.stop();
    this.#process?.stop();
  }

  /**
   * The text for a scraper as one string, written in slices that let the event loop turn. Above some 100,000 series (10 MB)
   * the engine's collections stall for what is held: answer scrapers with {@link scrape}, which holds a slice at a time.
   */
  async metrics(options: RenderOptions = {}): Promise<string> {
    let text = "";
    for await (const slice of this.metricsStream(options)) text += slice;
    return text;
  }

  /**
   * The same text piece by piece, each made in a turn of the event loop of its own: a scrape of any size delays no call,
   * and the whole is never held.
   */
  metricsStream(options: RenderOptions = {}): AsyncGenerator<string, void, undefined> {
    return this.#export.stream(options);
  }

  /**
   * What a scraper is answered, in the format that its Accept header asks for.
   * @example
   * const { contentType, slices } = monitoring.scrape({ accept: request.headers.accept });
   * response.setHeader("content-type", contentType);
   * await pipeline(Readable.from(slices), response);
   */
  scrape({ accept }: { readonly accept?: string | undefined } = {}): {
    readonly contentType: string;
    readonly slices: AsyncIterable<string>;
  } {
    const format = metricsFormatFor(accept);
    return { contentType: metricsContentTypes[format], slices: this.metricsStream({ format }) };
  }

  /**
   * The numbers of a metric as a scraper would see them now: by its name, an alias or one sample's name
   * (`…_bucket`, `…_sum`, `…_count`). Empty while nothing was recorded.
   */
  read(name: string): readonly Sample[] {
    return this.#registry.read(name);
  }

  /** All alerts as a YAML rule file for Prometheus. */
  prometheusRules(): string {
    return this.#alerts.prometheusRules();
  }

  /** The dashboard of an integration, to be imported into Grafana. */
  grafanaDashboard(): GrafanaDashboard {
    return grafanaDashboard();
  }

  /** Calls, errors, retries and latency of every service that was called, seen by {@link observe}. */
  serviceSummary(): Record<string, ServiceSummary> {
    return this.#services.summary();
  }

  /**
   * Feeds the plan's metrics and ours from events, and tells alerts to the bus as `alert.changed`.
   * @returns a function that unsubscribes
   */
  observe(events: EventBus): () => void {
    const releases = [
      observeEvents(events, this.#standard, this.#windows, this.#services),
      this.onAlert(({ name, state, severity, value, message }) =>
        events.emit("alert.changed", { name, state, severity, value, message }),
      ),
    ];
    return () => releases.forEach((release) => release());
  }

  #notify(listener: (transition: AlertTransition) => unknown, transition: AlertTransition): void {
    try {
      const result = listener(transition);
      if (result instanceof Promise) result.catch(() => this.#listenerFaults.inc());
    } catch {
      this.#listenerFaults.inc();
    }
  }
}
