import { describe, expect, it } from "vitest";
import { type AlertOptions, MonitoringSystem } from "../../src/monitoring/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { checkRules, hasPromtool } from "./promtool.ts";

const rule = { severity: "warning", message: "something is wrong" } as const;

function system(options: { readonly maxAlertSamples?: number } = {}) {
  const clock = new ManualClock();
  const monitoring = new MonitoringSystem({ clock, planAlerts: false, ...options });
  const calls = monitoring.trackMetric("calls", "counter", { labels: ["service", "outcome"] });
  const depth = monitoring.trackMetric("queue_depth", "gauge", { labels: ["queue"] });
  const add = (name: string, condition: string, more: Partial<AlertOptions> = {}) =>
    monitoring.addAlert(name, { ...rule, condition, ...more });
  const told = () => monitoring.checkAlerts().map(({ name, state }) => `${name} ${state}`);
  /** Steps of 15 s. */
  const run = async (steps: number, each: () => void = () => undefined) => {
    const heard: string[] = [];
    for (let i = 0; i < steps; i += 1) {
      await clock.advance(15_000);
      each();
      heard.push(...told());
    }
    return heard;
  };
  return { clock, monitoring, calls, depth, add, told, run };
}

describe("conditions over time and labels", () => {
  it("a share of failed calls fires and resolves, per service", async () => {
    const { calls, add, run, monitoring } = system();
    add(
      "failing",
      'sum by (service) (rate(calls_total{outcome="error"}[5m])) / sum by (service) (rate(calls_total[5m])) > 0.05',
    );
    const traffic = (errors: number) => () => {
      calls.inc(100 - errors, { service: "neon", outcome: "ok" });
      calls.inc(errors, { service: "neon", outcome: "error" });
      calls.inc(100, { service: "ollama", outcome: "ok" });
    };
    expect(await run(40, traffic(1))).toEqual([]);
    expect(await run(20, traffic(50))).toEqual(["failing firing"]);
    expect(monitoring.activeAlerts()).toMatchObject([
      { name: "failing", state: "firing", labels: { service: "neon" }, severity: "warning" },
    ]);
    expect(monitoring.activeAlerts()[0]?.value).toBeCloseTo(0.5, 1);
    expect(await run(40, traffic(1))).toEqual(["failing resolved"]);
  });

  it("a quantile of a histogram, by its alias too", async () => {
    const { monitoring, add, run } = system();
    add("slow", "histogram_quantile(0.9, sum by (le) (rate(neon_query_duration_bucket[5m]))) > 1");
    const query = (seconds: number) => () =>
      monitoring.recordMetric("neon_query_duration", seconds, { transport: "http" });
    expect(await run(10, query(0.01))).toEqual([]);
    expect(await run(30, query(4))).toEqual(["slow firing"]);
    expect(monitoring.prometheusRules()).toContain("rate(neon_query_duration_seconds_bucket[5m])");
  });

  it("what is not there, with the labels that were asked for", async () => {
    const { depth, add, monitoring, run } = system();
    add("gone", 'absent(queue_depth{queue="mail"})', { for: "30s" });
    expect(await run(4)).toEqual(["gone pending", "gone firing"]);
    expect(monitoring.activeAlerts()[0]?.labels).toEqual({ queue: "mail" });
    depth.set(1, { queue: "mail" });
    expect(await run(1)).toEqual(["gone resolved"]);
  });

  it("keeps firing for as long as it is told, and tells once", async () => {
    const { depth, add, run } = system();
    add("deep", "queue_depth > 10", { keepFiringFor: "1m" });
    depth.set(11);
    expect(await run(1)).toEqual(["deep firing"]);
    depth.set(1);
    expect(await run(3)).toEqual([]);
    depth.set(11);
    expect(await run(1)).toEqual([]);
    depth.set(1);
    expect(await run(5)).toEqual(["deep resolved"]);
  });

  it("fills in messages, labels and annotations", async () => {
    const { depth, add, monitoring } = system();
    add("deep", "queue_depth / 100 > 0.1", {
      message: "{{ $labels.queue }} is at {{ $value | humanizePercentage }}",
      labels: { team: "ops-{{ $labels.queue }}" },
      annotations: {
        runbook_url: "https://example.com/{{ $labels.queue }}",
        raw: '{{ printf "%.3f" $value }} {{ $value }}',
      },
    });
    depth.set(42, { queue: "mail" });
    expect(monitoring.checkAlerts()).toEqual([
      {
        name: "deep",
        state: "firing",
        severity: "warning",
        message: "mail is at 42%",
        value: 0.42,
        labels: { queue: "mail", team: "ops-mail" },
        annotations: { runbook_url: "https://example.com/mail", raw: "0.420 0.42" },
        at: Date.UTC(2026, 0, 1),
      },
    ]);
  });

  it.each([
    [{ message: "{{ $valeu }}" }, /\{\{ \$valeu \}\} is not understood; known are \$value/],
    [{ message: "at {{ $value" }, /never closed/],
    [{ labels: { severity: "x" } }, /label severity is taken: say it as severity/],
    [{ labels: { "a-b": "x" } }, /label "a-b" must match/],
    [{ annotations: { summary: "x" } }, /annotation summary is taken: say it as message/],
    [{ keepFiringFor: "ages" }, /keepFiringFor must be a duration/],
  ])("%j is refused", (more, problem) => {
    expect(() => system().add("odd", "queue_depth > 1", more)).toThrow(problem);
  });
});

describe("conditions that cannot be met", () => {
  it("a metric that nobody declared has no data, and a name near it is offered", () => {
    const { add, monitoring, depth } = system();
    add("typo", "queue_dept > 10");
    expect(monitoring.alerts()).toEqual([
      { name: "typo", state: "no-data", ...rule, problem: "no such metric: queue_dept (did you mean queue_depth?)" },
    ]);
    add("fine", "queue_depth > 10");
    depth.set(1);
    expect(monitoring.alerts()[1]).toEqual({ name: "fine", state: "inactive", ...rule });
  });

  it("a threshold that is no number is refused, two metrics may be compared", () => {
    const { add } = system();
    expect(() => add("typo", "queue_depth > calls_totl")).toThrow(
      /character 15: a number or a known metric was expected, found calls_totl \(did you mean calls_total\?\)/,
    );
    add("fine", "queue_depth > calls_total");
  });

  it("series that cannot be told apart leave alerts as they are, and are counted", async () => {
    const { add, told, depth, calls, monitoring } = system();
    add("mixed", "queue_depth > on () calls_total");
    depth.set(5, { queue: "mail" });
    calls.inc(1, { service: "neon", outcome: "ok" });
    expect(told()).toEqual(["mixed firing"]);
    calls.inc(1, { service: "neon", outcome: "error" });
    expect(told()).toEqual([]);
    expect(monitoring.alerts()[0]).toMatchObject({ state: "firing", problem: /Several series on the right of >/ });
    expect(monitoring.read("enhanced_integration_alert_evaluation_faults_total")[0]?.value).toBe(1);
  });
});

describe("the memory of conditions", () => {
  it("is bounded whatever the ranges and series are, and what is left out is counted", async () => {
    const { add, run, depth, monitoring } = system({ maxAlertSamples: 1_000 });
    add("wide", "avg_over_time(queue_depth[1d]) > 1000");
    await run(200, () => {
      for (let i = 0; i < 500; i += 1) depth.set(1, { queue: `q${i}` });
    });
    const dropped = monitoring.read("enhanced_integration_alert_samples_dropped_total")[0]?.value ?? 0;
    expect(dropped).toBeGreaterThan(200 * 375);
    depth.set(1e9, { queue: "q0" });
    expect(await run(1)).toEqual(["wide firing"]);
  });

  it("a range that is too narrow for two samples gives no rate, and a vanished series resolves at once", async () => {
    const { add, run, monitoring } = system();
    const lag = monitoring.trackMetric("lag", "gauge").labels();
    let value: number | undefined = 5;
    lag.compute(() => value);
    add("lagging", "max_over_time(lag[1m]) > 1");
    add("now", "lag > 1");
    expect(await run(4)).toEqual(["lagging firing", "now firing"]);
    value = undefined;
    expect(await run(1)).toEqual(["now resolved"]);
    expect(await run(5)).toEqual(["lagging resolved"]);
  });
});

it.runIf(hasPromtool)("rules with everything pass promtool check rules", () => {
  const { add, monitoring } = system();
  add(
    "all of it",
    'avg without (queue) (queue_depth{queue!~"a|b"} offset 5m) > 3 unless vector(time() % 2 == bool 1)',
    {
      for: "90s",
      keepFiringFor: "5m",
      message: '{{ $labels.queue }} {{ $value | humanize }} {{ printf "%.1f" $value }}',
      labels: { team: "ops" },
      annotations: { runbook_url: "https://example.com" },
    },
  );
  const { status, output } = checkRules(monitoring.prometheusRules());
  expect(status, output).toBe(0);
});
