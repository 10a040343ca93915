import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type FetchLike, silentLogger } from "../../src/core/index.ts";
import {
  alertmanagerNotifier,
  type AlertNotification,
  logNotifier,
  MonitoringSystem,
  type Notifier,
  type NotifierOptions,
  pagerDutyNotifier,
  slackNotifier,
  webhookNotifier,
} from "../../src/monitoring/index.ts";
import { ManualClock } from "../../src/testing/index.ts";

function system(options: NotifierOptions = {}, failing: { left: number } = { left: 0 }) {
  const clock = new ManualClock();
  const monitoring = new MonitoringSystem({ clock, planAlerts: false });
  const depth = monitoring.trackMetric("queue_depth", "gauge", { labels: ["queue"] });
  monitoring.addAlert("deep", {
    condition: "queue_depth > 10",
    severity: "warning",
    message: "{{ $labels.queue }} is deep",
  });
  const heard: AlertNotification[] = [];
  const notifier: Notifier = {
    service: "recorder",
    mode: "grouped",
    send: async (notification) => {
      if (failing.left > 0 && (failing.left -= 1) >= 0) throw new Error("down");
      heard.push(notification);
    },
  };
  const remove = monitoring.notifications.add(notifier, options);
  /** Checks every 5 s. @returns what was told since, shortened */
  const run = async (seconds: number) => {
    const before = heard.length;
    for (let i = 0; i < seconds; i += 5) {
      monitoring.checkAlerts();
      await monitoring.notifications.settled();
      await clock.advance(5_000);
    }
    return heard
      .slice(before)
      .map(({ alerts }) => alerts.map(({ status, labels }) => `${labels["queue"]} ${status}`).sort());
  };
  return { clock, monitoring, depth, heard, run, remove };
}

describe("who is told, and when", () => {
  it("joins what comes together, tells once, adds what comes later, and tells the end", async () => {
    const { depth, run } = system({ groupWaitMs: 10_000, groupIntervalMs: 60_000 });
    depth.set(11, { queue: "a" });
    expect(await run(5)).toEqual([]);
    depth.set(11, { queue: "b" });
    expect(await run(10)).toEqual([["a firing", "b firing"]]);
    expect(await run(300)).toEqual([]);
    depth.set(11, { queue: "c" });
    expect(await run(60)).toEqual([["a firing", "b firing", "c firing"]]);
    depth.set(0, { queue: "a" });
    expect(await run(60)).toEqual([["a resolved", "b firing", "c firing"]]);
    for (const queue of ["b", "c"]) depth.set(0, { queue });
    expect(await run(120)).toEqual([["b resolved", "c resolved"]]);
    expect(await run(600)).toEqual([]);
  });

  it("groups by the labels it is given, and takes only what matches", async () => {
    const { depth, run, monitoring } = system({ groupWaitMs: 0, groupBy: ["queue"], matchers: 'queue!="c"' });
    monitoring.addAlert("full", { condition: "queue_depth > 20", severity: "critical", message: "full" });
    for (const queue of ["a", "b", "c"]) depth.set(21, { queue });
    expect(await run(60)).toEqual([
      ["a firing", "a firing"],
      ["b firing", "b firing"],
    ]);
  });

  it("tells again after the repeat interval, and not before", async () => {
    const { depth, run } = system({ groupWaitMs: 0, groupIntervalMs: 60_000, repeatIntervalMs: 600_000 });
    depth.set(11, { queue: "a" });
    expect(await run(595)).toHaveLength(1);
    expect(await run(70)).toEqual([["a firing"]]);
  });

  it("an alert that comes and goes within the wait is never told", async () => {
    const { depth, run } = system({ groupWaitMs: 30_000 });
    depth.set(11, { queue: "a" });
    await run(10);
    depth.set(0, { queue: "a" });
    expect(await run(120)).toEqual([]);
  });

  it("tries a failed delivery again with growing waits, and counts it", async () => {
    const { depth, run, monitoring } = system({ groupWaitMs: 0 }, { left: 3 });
    depth.set(11, { queue: "a" });
    expect(await run(30)).toEqual([]);
    expect(await run(10)).toEqual([["a firing"]]);
    const outcomes = monitoring.read("enhanced_integration_alert_notifications_total");
    expect(outcomes.map(({ labels, value }) => [labels["outcome"], value])).toEqual([
      ["error", 3],
      ["ok", 1],
    ]);
  });

  it("a delivery that hangs ends by its deadline and holds up no check", async () => {
    const { monitoring, clock, depth } = system();
    const hanging: Notifier = { service: "hanging", mode: "grouped", send: () => new Promise(() => undefined) };
    monitoring.notifications.add(hanging, { groupWaitMs: 0, deadlineMs: 1_000 });
    depth.set(11, { queue: "a" });
    expect(monitoring.checkAlerts()).toHaveLength(1);
    await clock.advance(1_000);
    await monitoring.notifications.settled();
    const [failed] = monitoring.read("enhanced_integration_alert_notifications_total");
    expect(failed?.labels).toMatchObject({ notifier: "hanging", outcome: "error", code: "DEADLINE_EXCEEDED" });
  });

  it("a notifier that is taken out hears no more", async () => {
    const { depth, run, remove } = system({ groupWaitMs: 0 });
    remove();
    depth.set(11, { queue: "a" });
    expect(await run(60)).toEqual([]);
  });

  it("names every option out of range", () => {
    const { monitoring } = system();
    expect(() =>
      monitoring.notifications.add(logNotifier(silentLogger), { groupWaitMs: -1, repeatIntervalMs: 1 }),
    ).toThrow(/Notifier log: groupWaitMs must be .* 0 to 3600000, got -1; repeatIntervalMs must be/);
    expect(() => monitoring.notifications.add(logNotifier(silentLogger), { matchers: "nonsense" })).toThrow(
      /character/,
    );
  });
});

describe("silences and inhibition", () => {
  const silence = { durationMs: 60_000, author: "ops", comment: "deployment" };

  it("a silence holds for its time, is listed, and can be ended", async () => {
    const { depth, run, monitoring } = system({ groupWaitMs: 0, groupIntervalMs: 5_000 });
    const { id } = monitoring.notifications.silences.add({ ...silence, matchers: 'alertname="deep", queue=~"a|b"' });
    for (const queue of ["a", "c"]) depth.set(11, { queue });
    expect(await run(50)).toEqual([["c firing"]]);
    expect(monitoring.notifications.silences.list()).toMatchObject([{ id, author: "ops", comment: "deployment" }]);
    expect(await run(30)).toEqual([["a firing", "c firing"]]);
    expect(monitoring.notifications.silences.list()).toEqual([]);
    const other = monitoring.notifications.silences.add({ ...silence, matchers: '{queue="b"}' });
    depth.set(11, { queue: "b" });
    expect(await run(20)).toEqual([]);
    expect(monitoring.notifications.silences.end(other.id)).toBe(true);
    expect(monitoring.notifications.silences.end(other.id)).toBe(false);
    expect(await run(20)).toEqual([["a firing", "b firing", "c firing"]]);
  });

  it("what ends while it is silenced is told when the silence is over", async () => {
    const { depth, run, monitoring } = system({ groupWaitMs: 0, groupIntervalMs: 5_000 });
    depth.set(11, { queue: "a" });
    expect(await run(10)).toEqual([["a firing"]]);
    monitoring.notifications.silences.add({ ...silence, matchers: 'queue="a"' });
    depth.set(0, { queue: "a" });
    expect(await run(55)).toEqual([]);
    expect(await run(20)).toEqual([["a resolved"]]);
  });

  it("the cause is told and not its effects, where the labels are equal", async () => {
    const { depth, run, monitoring } = system({ groupWaitMs: 0, groupBy: ["alertname", "queue"] });
    monitoring.addAlert("full", { condition: "queue_depth > 20", severity: "critical", message: "full" });
    monitoring.notifications.inhibit({ source: 'severity="critical"', target: 'severity="warning"', equal: ["queue"] });
    depth.set(21, { queue: "a" });
    depth.set(11, { queue: "b" });
    expect((await run(10)).flat().sort()).toEqual(["a firing", "b firing"]);
  });

  it("refuses a silence of everything, without end or without a name, at once", () => {
    const { silences } = system().monitoring.notifications;
    expect(() => silences.add({ matchers: 'a=~".*"', durationMs: NaN, author: "", comment: " " })).toThrow(
      /must not take every alert; durationMs must be .*NaN; author must say who silences; comment must say why/,
    );
  });
});

describe("notifiers", () => {
  interface Posted {
    readonly url: string;
    readonly headers: Record<string, string>;
    readonly text: string;
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever each receiver wants
    readonly body: any;
  }
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

  async function told(make: (fetch: FetchLike) => Notifier, status = 200) {
    const posted: Posted[] = [];
    const fetch: FetchLike = async (url, init) => {
      const text = init?.body as string;
      posted.push({ url: String(url), headers: init?.headers as Record<string, string>, text, body: JSON.parse(text) });
      return new Response("no", { status });
    };
    const { monitoring, clock, depth } = system();
    monitoring.notifications.add(make(fetch), { groupWaitMs: 0, groupIntervalMs: 1_000 });
    depth.set(11, { queue: "<mail>" });
    monitoring.checkAlerts();
    await monitoring.notifications.settled();
    await clock.advance(60_000);
    depth.set(0, { queue: "<mail>" });
    monitoring.checkAlerts();
    await monitoring.notifications.settled();
    return { posted, monitoring };
  }

  it("webhook: signed as Standard Webhooks has it, by every secret", async () => {
    const url = "https://example.com/hook";
    const second = `whsec_${Buffer.alloc(24, 9).toString("base64")}`;
    const { posted } = await told((fetch) =>
      webhookNotifier({ url, fetch, secret: [secret, second], clock: new ManualClock() }),
    );
    expect(posted.map(({ body }) => body.type)).toEqual(["alert.firing", "alert.resolved"]);
    const { headers, text, body } = posted[0]!;
    expect(body.data.alerts[0]).toMatchObject({ name: "deep", message: "<mail> is deep", value: 11, status: "firing" });
    const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${text}`;
    const sign = (fill: number, length: number) =>
      `v1,${createHmac("sha256", Buffer.alloc(length, fill)).update(signed).digest("base64")}`;
    expect(headers["webhook-signature"]).toBe(`${sign(7, 32)} ${sign(9, 24)}`);
    expect(headers["webhook-timestamp"]).toBe(String(Date.UTC(2026, 0, 1) / 1_000));
  });

  it("Slack: one message, coloured by severity, whose labels are no markup", async () => {
    const { posted } = await told((fetch) => slackNotifier({ url: "https://hooks.slack.com/services/T/B/x", fetch }));
    expect(posted.map(({ body }) => body.text)).toEqual([
      "[FIRING:1] deep: &lt;mail&gt; is deep",
      "[RESOLVED] deep: &lt;mail&gt; is deep",
    ]);
    expect(posted[0]?.body.attachments[0]).toMatchObject({
      color: "#bf8700",
      text: "warning: &lt;mail&gt; is deep (queue=&lt;mail&gt;)",
    });
    expect(posted[1]?.body.attachments[0].color).toBe("#1a7f37");
  });

  it("PagerDuty: trigger and resolve with one dedup key", async () => {
    const { posted } = await told((fetch) =>
      pagerDutyNotifier({ routingKey: "r".repeat(32), fetch, source: "host-1" }),
    );
    expect(posted.map(({ body }) => body.event_action)).toEqual(["trigger", "resolve"]);
    expect(posted[0]?.body.dedup_key).toBe(posted[1]?.body.dedup_key);
    expect(posted[0]).toMatchObject({
      url: "https://events.pagerduty.com/v2/enqueue",
      body: { payload: { severity: "warning", source: "host-1", summary: "[FIRING:1] deep: <mail> is deep" } },
    });
  });

  it("Alertmanager: alerts with their labels, sent again each minute, and their end", async () => {
    const make = (fetch: FetchLike) =>
      alertmanagerNotifier({ url: "http://am:9093/base/", token: "t0ken", externalLabels: { cluster: "eu" }, fetch });
    const { posted } = await told(make);
    expect(posted[0]).toMatchObject({
      url: "http://am:9093/base/api/v2/alerts",
      headers: { authorization: "Bearer t0ken" },
      body: [
        {
          labels: { alertname: "deep", severity: "warning", queue: "<mail>", cluster: "eu" },
          annotations: { summary: "<mail> is deep" },
          startsAt: "2026-01-01T00:00:00.000Z",
          endsAt: "2026-01-01T00:04:00.000Z",
        },
      ],
    });
    expect(posted[1]?.body[0].endsAt).toBe("2026-01-01T00:01:00.000Z");
  });

  it("a refusal is counted under its code, and no error tells the address", async () => {
    const { monitoring } = await told(
      (fetch) => slackNotifier({ url: "https://hooks.slack.com/services/T/B/s3cret", fetch }),
      404,
    );
    const [failed] = monitoring.read("enhanced_integration_alert_notifications_total");
    expect(failed?.labels).toMatchObject({ notifier: "slack", outcome: "error", code: "NOT_FOUND" });
    const notifier = slackNotifier({
      url: "https://hooks.slack.com/services/T/B/s3cret",
      fetch: () => Promise.reject(new Error("s3cret")),
    });
    const notification: AlertNotification = { status: "firing", groupKey: "", groupLabels: {}, alerts: [], at: 0 };
    const error = await notifier
      .send(notification, { signal: new AbortController().signal, deliveryId: "1" })
      .catch((thrown: unknown) => thrown);
    expect(String((error as Error).stack) + JSON.stringify(error)).not.toContain("s3cret");
  });

  it("the log: a line by severity, and the end as info", async () => {
    const lines: string[] = [];
    const line = (level: string) => (_fields: object, message: string) => void lines.push(`${level} ${message}`);
    await told(() =>
      logNotifier({ debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") }),
    );
    expect(lines).toEqual(["warn [FIRING:1] deep: <mail> is deep", "info [RESOLVED] deep: <mail> is deep"]);
  });

  it.each([
    [() => webhookNotifier({ url: "nope", secret }), "whole address"],
    [() => webhookNotifier({ url: "https://u:p@example.com", secret }), "must not hold user and password"],
    [() => webhookNotifier({ url: "https://example.com", secret: "short" }), "must be whsec_ and 24 to 64 bytes"],
    [() => pagerDutyNotifier({ routingKey: "short" }), "32 characters"],
  ])("refuses %s", (make, problem) => {
    expect(make).toThrow(problem);
  });
});
