import { Counter, Gauge, Histogram, Registry, Summary } from "prom-client";
import { describe, expect, it } from "vitest";
import { MonitoringSystem } from "../../src/monitoring/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { parseExposition, sampleOf } from "./exposition-grammar.ts";

function ours() {
  const monitoring = new MonitoringSystem({ defaultMetrics: false, planAlerts: false });
  const jobs = monitoring.trackMetric("jobs", "counter", { labels: ["queue"], help: "Jobs." });
  const times = monitoring.trackMetric("job_seconds", "histogram", { labels: ["queue"], buckets: [1, 2.5] });
  jobs.inc(3, { queue: 'a"b' });
  times.observe(2, { queue: "mail" });
  return { monitoring, jobs };
}

/** A host's registry with one metric of each type. */
function host() {
  const register = new Registry();
  const registers = [register];
  new Counter({ name: "orders", help: "Orders.", labelNames: ["shop"], registers }).inc({ shop: "x" }, 4);
  new Counter({ name: "refunds_total", help: "Refunds.", registers }).inc();
  new Gauge({ name: "carts", help: "Carts\nopen.", registers }).set(7);
  new Histogram({ name: "pay_seconds", help: "Paying.", buckets: [1, 2], registers }).observe(1.5);
  new Summary({ name: "size_bytes", help: "Sizes.", percentiles: [0.5], registers }).observe(9);
  return register;
}

describe("ours in a host's prom-client registry", () => {
  it("are scraped with the host's, those of the future included, until taken out", async () => {
    const { monitoring, jobs } = ours();
    const register = host();
    const release = monitoring.exposeTo(register);
    monitoring.trackMetric("late", "gauge").set(5);
    jobs.inc(1, { queue: 'a"b' });
    const families = parseExposition((await register.metrics()).replace(/\n\n/g, "\n"), "prometheus");
    expect(sampleOf(families, "jobs_total", { queue: 'a"b' })).toBe(4);
    expect(sampleOf(families, "job_seconds_bucket", { queue: "mail", le: "2.5" })).toBe(1);
    expect(sampleOf(families, "job_seconds_count", { queue: "mail" })).toBe(1);
    expect(sampleOf(families, "late")).toBe(5);
    expect(sampleOf(families, "orders", { shop: "x" })).toBe(4);
    register.resetMetrics();
    expect(await register.metrics()).toContain(" 4\n");
    release();
    monitoring.trackMetric("later", "gauge").set(5);
    const left = (await register.getMetricsAsJSON()).map(({ name }) => name);
    expect(left).toEqual(["orders", "refunds_total", "carts", "pay_seconds", "size_bytes"]);
  });

  it("are right in OpenMetrics, where prom-client renames counters", async () => {
    const { monitoring } = ours();
    const register = new Registry();
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    monitoring.exposeTo(register);
    for (let scrape = 0; scrape < 2; scrape += 1) {
      const families = parseExposition(await register.metrics(), "openmetrics");
      expect(sampleOf(families, "jobs_total", { queue: 'a"b' })).toBe(3);
    }
  });

  it("leave the host its own names", async () => {
    const monitoring = new MonitoringSystem();
    const register = new Registry();
    new Gauge({ name: "process_resident_memory_bytes", help: "Mine.", registers: [register] }).set(1);
    const release = monitoring.exposeTo(register);
    expect(await register.getSingleMetricAsString("process_resident_memory_bytes")).toContain("Mine.");
    release();
    expect(register.getSingleMetric("process_resident_memory_bytes")).toBeDefined();
  });
});

describe("a host's prom-client metrics in our export", () => {
  it.each(["prometheus", "openmetrics"] as const)("are told after ours in %s text", async (format) => {
    const { monitoring } = ours();
    const release = monitoring.include(host());
    const families = parseExposition(await monitoring.metrics({ format }), format);
    expect(sampleOf(families, "orders", { shop: "x" })).toBe(4);
    expect(sampleOf(families, "refunds_total")).toBe(1);
    expect(sampleOf(families, "carts")).toBe(7);
    expect(sampleOf(families, "pay_seconds_bucket", { le: "2.0" })).toBe(1);
    expect(sampleOf(families, "pay_seconds_sum")).toBe(1.5);
    expect(sampleOf(families, "size_bytes", { quantile: "0.5" })).toBe(9);
    expect(sampleOf(families, "jobs_total", { queue: 'a"b' })).toBe(3);
    release();
    expect(await monitoring.metrics({ format })).not.toContain("orders");
  });

  it("are told once where two have one name: ours, or the first host's", async () => {
    const { monitoring } = ours();
    const [first, second] = [new Registry(), new Registry()];
    new Gauge({ name: "jobs_total", help: "Theirs.", registers: [first] }).set(99);
    new Gauge({ name: "carts", help: "First.", registers: [first] }).set(1);
    new Gauge({ name: "carts", help: "Second.", registers: [second] }).set(2);
    monitoring.include(first);
    monitoring.include(second);
    const families = parseExposition(await monitoring.metrics(), "prometheus");
    expect(sampleOf(families, "carts")).toBe(1);
    expect(sampleOf(families, "jobs_total")).toBeUndefined();
  });
});

describe("a host's metrics in alerts and objectives", () => {
  const alert = { severity: "warning", message: "{{ $labels.shop }} at {{ $value }}" } as const;

  function watching() {
    const clock = new ManualClock();
    const monitoring = new MonitoringSystem({ clock, defaultMetrics: false, planAlerts: false });
    const register = new Registry();
    const registers = [register];
    const carts = new Gauge({ name: "carts", help: "Carts.", labelNames: ["shop"], registers });
    const orders = new Counter({ name: "orders_total", help: "Orders.", labelNames: ["ok"], registers });
    const pay = new Histogram({ name: "pay_seconds", help: "Paying.", buckets: [1, 5], registers });
    monitoring.include(register);
    const faults = () => monitoring.read("enhanced_integration_host_registry_faults_total")[0]?.value ?? 0;
    return { clock, monitoring, register, carts, orders, pay, faults };
  }

  it("fire in the background by what is read just before each check, and resolve", async () => {
    const { clock, monitoring, carts } = watching();
    const told: string[] = [];
    monitoring.onAlert(({ state, message }) => told.push(`${state}: ${message}`));
    monitoring.addAlert("many_carts", { ...alert, condition: 'carts{shop!="y"} > 5' });
    monitoring.start(1_000);
    carts.set({ shop: "x" }, 7);
    carts.set({ shop: "y" }, 70);
    await clock.advance(1_200);
    expect(told).toEqual(["firing: x at 7"]);
    carts.set({ shop: "x" }, 3);
    await clock.advance(1_200);
    expect(told).toEqual(["firing: x at 7", "resolved: x at 7"]);
    monitoring.stop();
  });

  it("by rates and quantiles, and with labels that the host gives all of them", async () => {
    const { clock, monitoring, register, orders, pay } = watching();
    register.setDefaultLabels({ region: "eu" });
    monitoring.addAlert("failing", {
      ...alert,
      condition: 'sum by (region) (rate(orders_total{ok="no"}[1m])) > 0.5',
    });
    monitoring.addAlert("slow", { ...alert, condition: "histogram_quantile(0.9, rate(pay_seconds_bucket[1m])) > 1" });
    for (let i = 0; i < 5; i += 1) {
      orders.inc({ ok: "no" }, 15);
      pay.observe(4);
      await monitoring.readIncluded();
      monitoring.checkAlerts();
      await clock.advance(15_000);
    }
    expect(monitoring.activeAlerts()).toMatchObject([
      { name: "failing", state: "firing", labels: { region: "eu" } },
      { name: "slow", state: "firing", labels: { region: "eu" } },
    ]);
  });

  it("by checks alone as they were at the check before", async () => {
    const { monitoring, carts } = watching();
    monitoring.addAlert("many_carts", { ...alert, condition: "carts > 5" });
    carts.set({ shop: "x" }, 7);
    expect(monitoring.checkAlerts()).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(monitoring.checkAlerts()).toMatchObject([{ name: "many_carts", state: "firing", value: 7 }]);
  });

  it("are known by name: no typo is offered, and a histogram needs one of its samples", async () => {
    const { monitoring, carts } = watching();
    carts.set({ shop: "x" }, 1);
    monitoring.addAlert("fine", { ...alert, condition: "carts > 5" });
    expect(monitoring.alerts()).toMatchObject([{ state: "no-data" }]);
    expect(monitoring.alerts()[0]).not.toHaveProperty("problem");
    await monitoring.readIncluded();
    expect(monitoring.alerts()).toMatchObject([{ state: "inactive" }]);
    expect(() => monitoring.addAlert("odd", { ...alert, condition: "pay_seconds > 1" })).toThrow(/is a histogram/);
    expect(monitoring.prometheusRules()).toContain('expr: "carts > 5"');
  });

  it("count in objectives", async () => {
    const { clock, monitoring, orders } = watching();
    monitoring.addSlo("ordering", { good: 'orders_total{ok="yes"}', total: "orders_total", objective: 0.9 });
    orders.inc({ ok: "yes" }, 0);
    orders.inc({ ok: "no" }, 0);
    for (let i = 0; i < 2; i += 1) {
      await monitoring.readIncluded();
      monitoring.checkAlerts();
      orders.inc({ ok: "yes" }, 95);
      orders.inc({ ok: "no" }, 5);
      await clock.advance(60_000);
    }
    expect(monitoring.slos()).toMatchObject([{ name: "ordering", budgetLeft: expect.closeTo(0.5, 5) }]);
  });

  it("of a counter whose name prom-client has cut for OpenMetrics", async () => {
    const { monitoring } = watching();
    const register = new Registry();
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    new Counter({ name: "visits_total", help: "Visits.", registers: [register] }).inc(9);
    await register.metrics();
    monitoring.include(register);
    monitoring.addAlert("visited", { ...alert, condition: "visits_total > 5" });
    await monitoring.readIncluded();
    expect(monitoring.checkAlerts()).toMatchObject([{ state: "firing", value: 9 }]);
    expect(await monitoring.metrics()).toContain("\nvisits_total 9\n");
  });

  it("a registry that throws when it is asked for a name ends neither the check nor the process", async () => {
    const { monitoring, faults } = watching();
    monitoring.trackMetric("jobs", "gauge").set(9);
    monitoring.addAlert("jobs", { ...alert, condition: "jobs > 5 and absent(carts)" });
    const broken = new Registry();
    broken.getSingleMetric = () => {
      throw new Error("not ready");
    };
    monitoring.include(broken);
    await expect(monitoring.readIncluded()).resolves.toBeUndefined();
    expect(() => monitoring.checkAlerts()).not.toThrow();
    expect(faults()).toBeGreaterThan(0);
  });

  it("are left out, and that is counted, where the host's collector throws or hangs; ours go on", async () => {
    const { clock, monitoring, register, carts, faults } = watching();
    carts.set({ shop: "x" }, 7);
    monitoring.trackMetric("jobs", "gauge").set(9);
    monitoring.addAlert("jobs", { ...alert, condition: "jobs > 5" });
    monitoring.addAlert("many_carts", { ...alert, condition: "carts > 5" });
    await monitoring.readIncluded();
    expect(monitoring.checkAlerts()).toHaveLength(2);
    let collect = (): Promise<void> => Promise.reject(new Error("down"));
    new Gauge({ name: "broken", help: "Broken.", registers: [register], collect: () => collect() });
    await monitoring.readIncluded();
    expect(monitoring.checkAlerts()).toMatchObject([{ name: "many_carts", state: "resolved" }]);
    expect(await monitoring.metrics()).toContain("\njobs 9\n");
    const thrown = faults();
    expect(thrown).toBeGreaterThanOrEqual(2);
    collect = () => new Promise(() => undefined);
    let text: string | undefined;
    void monitoring.metrics().then((whole) => (text = whole));
    for (let i = 0; text === undefined && i < 1_000; i += 1) {
      await clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(text).toContain("\njobs 9\n");
    expect(faults()).toBeGreaterThan(thrown);
    expect(clock.pendingTimers).toBe(0);
  });

  it("are not read at all while nobody names them", async () => {
    const { monitoring, register } = watching();
    let reads = 0;
    new Gauge({ name: "dear", help: "Dear.", registers: [register], collect: () => void (reads += 1) });
    monitoring.addAlert("ours", { ...alert, condition: "jobs > 5" });
    await monitoring.readIncluded();
    expect(reads).toBe(0);
  });
});
