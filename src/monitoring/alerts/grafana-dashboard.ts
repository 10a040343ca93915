/** A dashboard as Grafana imports it. */
export type GrafanaDashboard = Readonly<Record<string, unknown>>;

interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly queries: readonly (readonly [expression: string, legend: string])[];
}

const prefix = "enhanced_integration";
const byService = (metric: string): string => `sum by (service) (rate(${metric}[5m]))`;

/**
 * What an operator asks, in this order, of all processes together: of gauges that do not add up the worst counts. Units
 * are Grafana's names.
 */
const panels: readonly Panel[] = [
  { title: "Calls", unit: "reqps", queries: [[byService(`${prefix}_calls_total`), "{{service}}"]] },
  {
    title: "Share of calls that failed",
    unit: "percentunit",
    queries: [
      [`${byService(`${prefix}_calls_total{outcome="error"}`)} / ${byService(`${prefix}_calls_total`)}`, "{{service}}"],
    ],
  },
  {
    title: "Latency",
    unit: "s",
    queries: [0.5, 0.95, 0.99].map((q) => [
      `histogram_quantile(${q}, sum by (le, service) (rate(${prefix}_call_duration_seconds_bucket[5m])))`,
      `{{service}} p${q * 100}`,
    ]),
  },
  {
    title: "Retries and failed attempts",
    unit: "ops",
    queries: [
      [byService(`${prefix}_retries_total`), "{{service}} retries"],
      [byService(`${prefix}_attempts_failed_total`), "{{service}} failed attempts"],
    ],
  },
  {
    title: "Circuit breakers: 0 closed, 1 half-open, 2 open",
    unit: "none",
    queries: [[`max by (service, part) (${prefix}_circuit_state)`, "{{service}} {{part}}"]],
  },
  {
    title: "Pool",
    unit: "none",
    queries: [[`sum by (pool, state) (${prefix}_pool_connections)`, "{{pool}} {{state}}"]],
  },
  { title: "Pool usage", unit: "percent", queries: [["max by (pool) (neon_connection_pool_usage)", "{{pool}}"]] },
  {
    title: "Limits: refused and waited",
    unit: "none",
    queries: [
      [`sum by (limit) (rate(${prefix}_rate_limited_total[5m]))`, "{{limit}} refused/s"],
      [`sum by (limit) (rate(${prefix}_rate_limit_wait_seconds_total[5m]))`, "{{limit}} seconds waited/s"],
    ],
  },
  {
    title: "Alerts",
    unit: "none",
    queries: [
      [`sum(${prefix}_alerts_firing)`, "firing"],
      [`sum(${prefix}_alerts_pending)`, "pending"],
    ],
  },
  {
    title: "Notifications",
    unit: "ops",
    queries: [
      [`sum by (notifier, outcome) (rate(${prefix}_alert_notifications_total[5m]))`, "{{notifier}} {{outcome}}"],
    ],
  },
  {
    title: "MCP tools",
    unit: "reqps",
    queries: [["sum by (tool, outcome) (rate(mcp_requests_total[5m]))", "{{tool}} {{outcome}}"]],
  },
  { title: "Listings", unit: "ops", queries: [["sum(rate(listings_scraped_total[5m]))", "scraped"]] },
];

/** Of Grafana 10 and 11; newer ones migrate it on import. */
const SCHEMA_VERSION = 39;
const WIDTH = 12;
const HEIGHT = 8;

/** The dashboard of an integration: calls, latency, breakers, pool, limits, alerts. */
export function grafanaDashboard(): GrafanaDashboard {
  const datasource = { type: "prometheus", uid: "${datasource}" };
  return {
    title: "enhanced-integration",
    uid: "enhanced-integration",
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    refresh: "30s",
    tags: ["enhanced-integration"],
    time: { from: "now-6h", to: "now" },
    templating: { list: [{ name: "datasource", label: "Data source", type: "datasource", query: "prometheus" }] },
    annotations: { list: [] },
    panels: panels.map(({ title, unit, queries }, i) => ({
      id: i + 1,
      type: "timeseries",
      title,
      datasource,
      gridPos: { h: HEIGHT, w: WIDTH, x: (i % 2) * WIDTH, y: Math.floor(i / 2) * HEIGHT },
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
      options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
      targets: queries.map(([expr, legendFormat], n) => ({
        refId: String.fromCharCode("A".charCodeAt(0) + n),
        datasource,
        expr,
        legendFormat,
      })),
    })),
  };
}
