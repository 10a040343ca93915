import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventBus } from "../../src/core/index.ts";
import { type AlertState, type AlertTransition, MonitoringSystem, stepAlert } from "../../src/monitoring/index.ts";
import { EventRecorder, ManualClock } from "../../src/testing/index.ts";
import { checkRules, hasPromtool } from "./promtool.ts";

const rule = { severity: "warning", message: "the queue is long" } as const;

function queueSystem() {
  const clock = new ManualClock();
  const monitoring = new MonitoringSystem({ clock, planAlerts: false });
  monitoring.trackMetric("queue_depth", "gauge", { labels: ["queue"] });
  const states = () => monitoring.checkAlerts().map(({ name, state, value }) => [name, state, value]);
  return { clock, monitoring, states };
}

describe("rules", () => {
  it("a rule names everything that is wrong with it at once", () => {
    const { monitoring } = queueSystem();
    const options = { condition: "x == 0.1", for: "soon", severity: "fatal" as never, message: " " };
    expect(() => monitoring.addAlert("odd", options)).toThrow(
      /Alert odd: .*character 3.*; for must be .*"soon"; severity must be .*"fatal"; message must/,
    );
    expect(monitoring.alerts()).toEqual([]);
  });

  it("a histogram has no single value to alert on", () => {
    const { monitoring } = queueSystem();
    expect(() => monitoring.addAlert("slow", { ...rule, condition: "neon_query_duration > 1" })).toThrow(
      /neon_query_duration_seconds is a histogram/,
    );
  });
});

describe("the life of an alert", () => {
  it("goes pending, firing, resolved, and tells each once", async () => {
    const { clock, monitoring, states } = queueSystem();
    monitoring.addAlert("long_queue", { ...rule, condition: "queue_depth > 10", for: "2m" });
    monitoring.recordMetric("queue_depth", 11);
    expect(states()).toEqual([["long_queue", "pending", 11]]);
    await clock.advance(119_999);
    expect(states()).toEqual([]);
    await clock.advance(1);
    monitoring.recordMetric("queue_depth", 12);
    expect(states()).toEqual([["long_queue", "firing", 12]]);
    await clock.advance(600_000);
    expect(states()).toEqual([]);
    monitoring.recordMetric("queue_depth", 10);
    expect(states()).toEqual([["long_queue", "resolved", 10]]);
    expect(states()).toEqual([]);
  });

  it("fires at once without `for`, and again after it was resolved", () => {
    const { monitoring, states } = queueSystem();
    monitoring.addAlert("long_queue", { ...rule, condition: "queue_depth >= 10" });
    for (const depth of [10, 10, 9, 9, 10]) monitoring.recordMetric("queue_depth", depth);
    expect(states()).toEqual([["long_queue", "firing", 10]]);
    monitoring.recordMetric("queue_depth", 9);
    expect(states()).toEqual([["long_queue", "resolved", 9]]);
    monitoring.recordMetric("queue_depth", 30);
    expect(states()).toEqual([["long_queue", "firing", 30]]);
  });

  it("forgets a pending alert that went back, and waits the whole time again", async () => {
    const { clock, monitoring, states } = queueSystem();
    monitoring.addAlert("long_queue", { ...rule, condition: "queue_depth > 10", for: "1h30m" });
    monitoring.recordMetric("queue_depth", 11);
    states();
    await clock.advance(89 * 60_000);
    monitoring.recordMetric("queue_depth", 1);
    expect(states()).toEqual([]);
    monitoring.recordMetric("queue_depth", 11);
    expect(states()).toEqual([["long_queue", "pending", 11]]);
    await clock.advance(60_000);
    expect(states()).toEqual([]);
  });

  it("never fires without data, and resolves when the data goes away", () => {
    const { monitoring, states } = queueSystem();
    monitoring.addAlert("idle", { ...rule, condition: "queue_depth < 5" });
    monitoring.addAlert("unknown", { ...rule, condition: "not_registered_yet < 5" });
    expect(states()).toEqual([]);
    expect(monitoring.alerts().map(({ name, state }) => [name, state])).toEqual([
      ["idle", "no-data"],
      ["unknown", "no-data"],
    ]);
    const series = monitoring.gauge("queue_depth").labels();
    let depth: number | undefined = 3;
    series.compute(() => depth);
    expect(states()).toEqual([["idle", "firing", 3]]);
    expect(monitoring.alerts()[0]?.state).toBe("firing");
    depth = undefined;
    expect(states()).toEqual([["idle", "resolved", 3]]);
  });

  it("treats each matching series as an alert of its own", async () => {
    const { clock, monitoring } = queueSystem();
    monitoring.addAlert("long_queue", { ...rule, condition: "queue_depth > 10", for: "1m" });
    monitoring.addAlert("long_mail", { ...rule, condition: 'queue_depth{queue="mail"} > 10' });
    const told = () => monitoring.checkAlerts().map(({ name, state, labels }) => `${name} ${labels["queue"]} ${state}`);
    monitoring.recordMetric("queue_depth", 99, { queue: "jobs" });
    expect(told()).toEqual(["long_queue jobs pending"]);
    await clock.advance(30_000);
    monitoring.recordMetric("queue_depth", 99, { queue: "mail" });
    monitoring.recordMetric("queue_depth", 1, { queue: "jobs" });
    expect(told()).toEqual(["long_queue mail pending", "long_mail mail firing"]);
    await clock.advance(30_000);
    expect(told()).toEqual([]);
    await clock.advance(30_000);
    expect(told()).toEqual(["long_queue mail firing"]);
  });

  it("carries severity, message, labels and the wall time", async () => {
    const { clock, monitoring } = queueSystem();
    monitoring.addAlert("long_queue", { condition: "queue_depth > 1", severity: "critical", message: "too long" });
    monitoring.recordMetric("queue_depth", 2, { queue: "mail" });
    await clock.advance(5_000);
    expect(monitoring.checkAlerts()).toEqual([
      {
        name: "long_queue",
        state: "firing",
        severity: "critical",
        message: "too long",
        value: 2,
        labels: { queue: "mail" },
        at: Date.UTC(2026, 0, 1) + 5_000,
      },
    ]);
  });

  it("a rule of the same name replaces the first without forgetting that it fires", () => {
    const { monitoring, states } = queueSystem();
    monitoring.addAlert("long_queue", { ...rule, condition: "queue_depth > 10" });
    monitoring.recordMetric("queue_depth", 15);
    expect(states()).toEqual([["long_queue", "firing", 15]]);
    monitoring.addAlert("long_queue", { ...rule, condition: "queue_depth > 10" });
    expect(states()).toEqual([]);
    monitoring.addAlert("long_queue", { ...rule, condition: "queue_depth > 20" });
    expect(states()).toEqual([["long_queue", "resolved", 15]]);
  });

  it("a wall clock that jumps neither fires nor delays", async () => {
    const { clock, monitoring, states } = queueSystem();
    monitoring.addAlert("long_queue", { ...rule, condition: "queue_depth > 10", for: "1m" });
    monitoring.recordMetric("queue_depth", 11);
    states();
    clock.jumpWall(86_400_000);
    expect(states()).toEqual([]);
    clock.jumpWall(-2 * 86_400_000);
    await clock.advance(60_000);
    expect(states()).toEqual([["long_queue", "firing", 11]]);
  });

  it("is a pure step whose history is always legal", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.nat(50))),
        fc.nat(100),
        fc.nat(60),
        (steps, forMs, keepFiringForMs) => {
          let state: AlertState = { phase: "inactive" };
          let now = 0;
          let last: string | undefined;
          for (const [satisfied, gap] of steps) {
            now += gap;
            const [next, change] = stepAlert(state, satisfied, now, { forMs, keepFiringForMs });
            if (change === "resolved") expect(last).toBe("firing");
            if (change === "firing") expect(last).not.toBe("firing");
            if (change === "firing" && forMs > 0) expect(last).toBe("pending");
            if (next.phase === "pending") expect(now - next.since).toBeLessThan(forMs);
            if (!satisfied && next.phase === "firing")
              expect(now - (next.keptSince ?? NaN)).toBeLessThan(keepFiringForMs);
            else if (!satisfied) expect(next.phase).toBe("inactive");
            state = next;
            last = change ?? last;
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe("who hears of it", () => {
  it("tells every listener, also after one that throws or rejects, and counts the faults", async () => {
    const { monitoring } = queueSystem();
    const heard: AlertTransition[] = [];
    monitoring.onAlert(() => {
      throw new Error("broken");
    });
    monitoring.onAlert(async () => Promise.reject(new Error("broken too")));
    const release = monitoring.onAlert((transition) => heard.push(transition));
    monitoring.addAlert("long_queue", { ...rule, condition: "queue_depth > 1" });
    monitoring.recordMetric("queue_depth", 2);
    monitoring.checkAlerts();
    release();
    monitoring.recordMetric("queue_depth", 0);
    monitoring.checkAlerts();
    expect(heard.map(({ state }) => state)).toEqual(["firing"]);
    await Promise.resolve();
    expect(await monitoring.metrics()).toContain("enhanced_integration_alert_listener_faults_total 4\n");
  });

  it("tells the event bus that it observes, until released", () => {
    const { monitoring } = queueSystem();
    const events = new EventBus();
    const recorder = new EventRecorder(events);
    const release = monitoring.observe(events);
    monitoring.addAlert("long_queue", { ...rule, condition: "queue_depth > 1" });
    monitoring.recordMetric("queue_depth", 2);
    monitoring.checkAlerts();
    release();
    monitoring.recordMetric("queue_depth", 0);
    monitoring.checkAlerts();
    expect(recorder.of("alert.changed")).toEqual([
      { name: "long_queue", state: "firing", severity: "warning", value: 2, message: rule.message },
    ]);
  });

  it("checks by itself between start and stop, and leaves no timer", async () => {
    const { clock, monitoring } = queueSystem();
    const heard: string[] = [];
    monitoring.onAlert(({ state }) => heard.push(state));
    monitoring.addAlert("long_queue", { ...rule, condition: "queue_depth > 1" });
    monitoring.recordMetric("queue_depth", 2);
    monitoring.start(10_000);
    await clock.advance(10_000);
    expect(heard).toEqual(["firing"]);
    monitoring.recordMetric("queue_depth", 0);
    await clock.advance(11_000);
    expect(heard).toEqual(["firing", "resolved"]);
    monitoring.stop();
    expect(clock.pendingTimers).toBe(0);
    monitoring.recordMetric("queue_depth", 2);
    await clock.advance(60_000);
    expect(heard).toHaveLength(2);
    expect(() => monitoring.start(0)).toThrow(/intervalMs must be a number from 100/);
  });
});

describe("Prometheus rules", () => {
  const hostile = 'braces {{ "{{" }} at {{ $value }} "quotes" back\\slash: # - \n new line';
  function ruleSystem() {
    const { monitoring } = queueSystem();
    monitoring.addAlert("scrapes", { ...rule, condition: "listings_scraped<1", for: "1h30m" });
    monitoring.addAlert("long mail", {
      condition: 'queue_depth{queue="a \\"b\\""} >= 0.05',
      severity: "info",
      message: hostile,
    });
    return monitoring;
  }

  it("says the same alerts, under exported names", () => {
    expect(ruleSystem().prometheusRules()).toBe(`groups:
  - name: "enhanced-integration"
    rules:
      - alert: "scrapes"
        expr: "listings_scraped_total < 1"
        for: "90m"
        labels:
          severity: "warning"
        annotations:
          summary: "the queue is long"
      - alert: "long mail"
        expr: "queue_depth{queue=\\"a \\\\\\"b\\\\\\"\\"} >= 0.05"
        labels:
          severity: "info"
        annotations:
          summary: "braces {{ \\"{{\\" }} at {{ $value }} \\"quotes\\" back\\\\slash: # - \\n new line"
`);
    expect(queueSystem().monitoring.prometheusRules()).toContain("rules: []\n");
  });

  it.runIf(hasPromtool)("writes controls and halves of characters so that YAML takes them", () => {
    const { monitoring } = queueSystem();
    monitoring.addAlert("odd", {
      condition: "queue_depth > 1",
      severity: "info",
      message: "del \x7f nel \x85 line \u2028 bidi \u202e half \ud83d bell \x07",
    });
    const { status, output } = checkRules(monitoring.prometheusRules());
    expect(status, output).toBe(0);
  });

  it.runIf(hasPromtool)("passes promtool check rules, the plan's alerts and an empty list too", () => {
    for (const monitoring of [ruleSystem(), new MonitoringSystem(), queueSystem().monitoring]) {
      const { status, output } = checkRules(monitoring.prometheusRules());
      expect(status, output).toBe(0);
    }
  });
});
