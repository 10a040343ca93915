import { describe, expect, it } from "vitest";
import { MonitoringSystem, parseExpression } from "../../src/monitoring/index.ts";
import { selectorsOf } from "../../src/monitoring/alerts/expression/expression.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { checkRules, hasPromtool, testRules } from "./promtool.ts";

const objective = { good: 'work_total{outcome="ok"}', total: "work_total", objective: 0.99 };

function system() {
  const clock = new ManualClock();
  const monitoring = new MonitoringSystem({ clock, planAlerts: false });
  const work = monitoring.trackMetric("work", "counter", { labels: ["outcome"] });
  /** Minutes of traffic. @returns transitions */
  const run = async (minutes: number, good: number, bad: number) => {
    const told: string[] = [];
    for (let i = 0; i < minutes; i += 1) {
      await clock.advance(60_000);
      work.inc(good, { outcome: "ok" });
      work.inc(bad, { outcome: "error" });
      told.push(...monitoring.checkAlerts().map(({ name, state }) => `${name} ${state}`));
    }
    return told;
  };
  return { clock, monitoring, run };
}

describe("objectives", () => {
  it("an outage pages when the hour and its last minutes agree, and stops when the minutes recover", async () => {
    const { monitoring, run } = system();
    monitoring.addSlo("work", objective);
    expect(await run(120, 100, 0)).toEqual([]);
    // 50 % errors burn 50 times too fast; the hour's mean passes 14.4 after about 18 minutes.
    const during = await run(30, 50, 50);
    expect(during).toContain("work_slo_page firing");
    expect(monitoring.slos()[0]?.burnRates["5m"]).toBeCloseTo(50, 6);
    expect(await run(60, 100, 0)).toContain("work_slo_page resolved");
  });

  it("a slow leak makes a ticket and no page", async () => {
    const { monitoring, run } = system();
    monitoring.addSlo("work", objective);
    expect(await run(600, 98, 2)).toEqual(["work_slo_ticket firing"]);
    expect(monitoring.slos()).toMatchObject([{ name: "work", objective: 0.99 }]);
    expect(monitoring.slos()[0]?.budgetLeft).toBeCloseTo(-1, 6);
    expect(monitoring.read("enhanced_integration_slo_budget_left_ratio")[0]?.value).toBeCloseTo(-1, 6);
  });

  it("little traffic has no burn rate, however bad it is; minimumEvents says what little is", async () => {
    const { monitoring, run } = system();
    monitoring.addSlo("work", objective);
    monitoring.addSlo("strict", { ...objective, minimumEvents: 1 });
    expect(await run(4, 0, 1)).toEqual(["strict_slo_page firing", "strict_slo_ticket firing"]);
    expect(monitoring.slos()[0]?.burnRates).toEqual({});
  });

  it("what was counted before the objective is not held against it, and the window forgets", async () => {
    const { monitoring, run, clock } = system();
    await run(10, 0, 100);
    monitoring.addSlo("work", { ...objective, windowDays: 3 });
    await run(10, 100, 0);
    expect(monitoring.slos()[0]?.budgetLeft).toBe(1);
    await run(1, 0, 100);
    expect(monitoring.slos()[0]?.budgetLeft).toBeLessThan(0);
    await clock.advance(4 * 86_400_000);
    await run(1, 100, 0);
    expect(monitoring.slos()[0]?.budgetLeft).toBe(1);
  });

  it("refuses what cannot be an objective", () => {
    const { monitoring } = system();
    expect(() => monitoring.addSlo("work", { ...objective, objective: 1, windowDays: 1, minimumEvents: 0 })).toThrow(
      /SLO work: objective must be .*; windowDays must be .*; minimumEvents must be/,
    );
    expect(() => monitoring.addSlo("work", { ...objective, good: "rate(work_total[5m])" })).toThrow(
      /good must be one counter/,
    );
    expect(() => monitoring.addSlo("a b", objective)).toThrow(/the name must match/);
    monitoring.addSlo("work", objective);
    expect(() => monitoring.addSlo("work", objective)).toThrow(/one of this name already/);
  });

  it.runIf(hasPromtool)("its rules pass promtool check rules", () => {
    const { monitoring } = system();
    monitoring.addSlo("work", objective);
    const { status, output } = checkRules(monitoring.prometheusRules());
    expect(status, output).toBe(0);
    expect(output).toContain("2 rules found");
  });

  it.runIf(hasPromtool)("exported, its rules go by what all processes count together", () => {
    const { monitoring } = system();
    monitoring.addSlo("work", { ...objective, good: 'work{outcome="ok"}', total: "work" });
    const series = (instance: string, outcome: string, perMinute: number) => ({
      series: `work_total{instance="${instance}",outcome="${outcome}"}`,
      values: `0+${perMinute}x480`,
    });
    const at = (alertname: string, severity: string, message?: string) => {
      const alert = { exp_labels: { severity, slo: "work" }, exp_annotations: { summary: message } };
      return { eval_time: "7h", alertname, exp_alerts: message === undefined ? [] : [alert] };
    };
    const processes = ["a", "b", "c", "d"];
    const { status, output } = testRules(monitoring.prometheusRules(), [
      {
        // Each burns 5 times too fast: a ticket, and no page, which the sum of four would be.
        interval: "1m",
        input_series: processes.flatMap((name) => [series(name, "ok", 95), series(name, "error", 5)]),
        alert_rule_test: [
          at("work_slo_page", "critical"),
          at("work_slo_ticket", "warning", "work will miss its objective at this rate (5.0 times too fast)"),
        ],
      },
      {
        // Nothing was ever good.
        interval: "1m",
        input_series: [series("a", "error", 100)],
        alert_rule_test: [at("work_slo_page", "critical", "work spends its error budget 100.0 times too fast")].map(
          (test) => ({ ...test, eval_time: "1h30m" }),
        ),
      },
      {
        // Too little to tell.
        interval: "1m",
        input_series: [{ series: 'work_total{outcome="error"}', values: "0+0.1x480" }],
        alert_rule_test: [at("work_slo_page", "critical")],
      },
    ]);
    expect(status, output).toBe(0);
  });
});

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets: readonly {
    readonly expr: string;
    readonly refId: string;
    readonly legendFormat: string;
    readonly datasource: { readonly type: string; readonly uid: string };
  }[];
}

describe("the Grafana dashboard", () => {
  const dashboard = new MonitoringSystem().grafanaDashboard() as unknown as {
    schemaVersion: number;
    templating: { list: { name: string; type: string; query: string }[] };
    panels: Panel[];
  };
  const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

  it("asks for metrics that exist, in expressions that parse", () => {
    const names = new Set<string>();
    for (const expression of expressions)
      for (const node of selectorsOf(parseExpression(expression)))
        names.add((node.kind === "range" ? node.selector : node).name);
    const { monitoring } = system();
    const missing = [...names].filter((name) => {
      monitoring.addAlert("probe", { condition: `${name} >= 0`, severity: "info", message: "probe" });
      return monitoring.alerts().find((alert) => alert.name === "probe")?.problem !== undefined;
    });
    expect(missing).toEqual([]);
    expect(names.size).toBeGreaterThan(12);
  });

  it("asks for all processes of a fleet at once: a line is one series, however many are scraped", () => {
    expect(expressions.filter((expression) => !/\b(?:sum|max)(?: by \([^)]*\) )?\(/.test(expression))).toEqual([]);
  });

  it.runIf(hasPromtool)("its expressions pass promtool", () => {
    const rules = expressions.map((expr, i) => `      - record: "r${i}"\n        expr: ${JSON.stringify(expr)}`);
    const { status, output } = checkRules(`groups:\n  - name: "g"\n    rules:\n${rules.join("\n")}\n`);
    expect(status, output).toBe(0);
  });

  it("asks the data source that is chosen on import, and legends name labels that the series have", () => {
    const [variable] = dashboard.templating.list;
    expect(variable).toMatchObject({ type: "datasource", query: "prometheus" });
    const chosen = { type: "prometheus", uid: `\${${variable!.name}}` };
    const metrics = new MonitoringSystem();
    for (const panel of dashboard.panels) {
      expect(panel).toMatchObject({ type: "timeseries", datasource: chosen });
      expect(new Set(panel.targets.map(({ refId }) => refId)).size).toBe(panel.targets.length);
      for (const { expr, legendFormat, datasource } of panel.targets) {
        expect(datasource).toEqual(chosen);
        const [, kept] = /\bby \(([^)]*)\)/.exec(expr) ?? [];
        const labels = kept?.split(", ") ?? labelsOf(metrics, expr);
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(labels, expr).toContain(label);
      }
    }
    const places = dashboard.panels.flatMap(({ gridPos: { h, w, x, y } }) => {
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: h * w }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`);
    });
    expect(new Set(places).size).toBe(places.length);
  });

  /** Of the one metric that an expression names: a record with none of them is refused. */
  function labelsOf(metrics: MonitoringSystem, expr: string): string[] {
    const [name = ""] = /[a-z_]{8,}/.exec(expr) ?? [];
    const known = ["service", "part", "pool", "state", "limit", "tool"];
    return known.filter((label) => {
      const refused = () => metrics.read("enhanced_integration_metrics_refused_total").reduce((n, s) => n + s.value, 0);
      const before = refused();
      metrics.recordMetric(name, 0, { [label]: "x" });
      return refused() === before;
    });
  }

  it("has panels for what an operator asks, each with its own id and place", () => {
    const titles = dashboard.panels.map(({ title }) => title).join(" ");
    for (const topic of ["Calls", "Latency", "Pool", "Circuit", "Limits", "Alerts"]) expect(titles).toContain(topic);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    expect(dashboard.schemaVersion).toBe(39);
  });
});
