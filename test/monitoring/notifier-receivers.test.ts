import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { type AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  alertmanagerNotifier,
  MonitoringSystem,
  type Notifier,
  type NotifierOptions,
  pagerDutyNotifier,
  slackNotifier,
  webhookNotifier,
} from "../../src/monitoring/index.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { hasAlertmanager, startAlertmanager } from "../support/alertmanager.ts";

const ends: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Delivery {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly status: number;
}

/** An HTTP server on loopback that judges each delivery as the real service would. */
async function receiver(judge: (delivery: Omit<Delivery, "status">) => number) {
  const deliveries: Delivery[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      const delivery = { path: `${request.method} ${request.url}`, headers: request.headers, text };
      const status = judge(delivery);
      deliveries.push({ ...delivery, status });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  const bodies = <T>(schema: z.ZodType<T>): T[] => deliveries.map(({ text }) => schema.parse(JSON.parse(text)));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, deliveries, bodies };
}

/** Two queues that may be too deep, checked every 5 s. */
function system(notifier: (clock: ManualClock) => Notifier, options: NotifierOptions = {}) {
  const clock = new ManualClock();
  const monitoring = new MonitoringSystem({ clock, planAlerts: false });
  const depth = monitoring.trackMetric("queue_depth", "gauge", { labels: ["queue"] });
  const message = "{{ $labels.queue }} is deep";
  monitoring.notifications.add(notifier(clock), { groupWaitMs: 0, groupIntervalMs: 5_000, ...options });
  const run = async (seconds: number) => {
    for (let i = 0; i < seconds; i += 5) {
      monitoring.checkAlerts();
      await monitoring.notifications.settled();
      await clock.advance(5_000);
    }
  };
  const addDeep = (delays: { readonly for?: string; readonly keepFiringFor?: string } = {}) =>
    monitoring.addAlert("deep", { condition: "queue_depth > 10", severity: "warning", message, ...delays });
  return { clock, monitoring, depth, run, addDeep };
}

const key = Buffer.alloc(32, 7);
const secret = `whsec_${key.toString("base64")}`;

const webhookBody = z.object({
  type: z.enum(["alert.firing", "alert.resolved"]),
  timestamp: z.iso.datetime(),
  data: z.object({
    status: z.enum(["firing", "resolved"]),
    groupKey: z.string().min(1),
    alerts: z
      .array(z.object({ name: z.string(), status: z.string(), labels: z.record(z.string(), z.string()) }))
      .min(1),
  }),
});

/** What a receiver of Standard Webhooks must check. @returns the status to answer with */
function verified({ headers, text }: Omit<Delivery, "status">, nowMs: number): number {
  const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map((name) =>
    String(headers[`webhook-${name}`]),
  );
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.${text}`).digest();
  const isSigned = signatures!.split(" ").some((each) => {
    const given = Buffer.from(each.replace(/^v1,/, ""), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  return isSigned && Math.abs(nowMs / 1_000 - Number(timestamp)) < 300 ? 204 : 401;
}

/** Who was told what: `deep a` or `deep a (resolved)`. */
const toldBy = (bodies: z.infer<typeof webhookBody>[]) =>
  bodies.map(({ data }) =>
    data.alerts.map(
      ({ name, status, labels }) => `${name} ${labels["queue"]}${status === "firing" ? "" : " (resolved)"}`,
    ),
  );

describe("over HTTP, to a receiver that verifies each signature", () => {
  async function hooked(options?: NotifierOptions, refuse: { left: number } = { left: 0 }) {
    let now = (): number => 0;
    const hook = await receiver((delivery) => ((refuse.left -= 1) >= 0 ? 503 : verified(delivery, now())));
    const scene = system((clock) => {
      now = () => clock.wallNow();
      return webhookNotifier({ url: `${hook.url}/hook`, secret, clock });
    }, options);
    const told = () => toldBy(hook.bodies(webhookBody));
    return { ...scene, hook, told };
  }

  it("an alert is told after `for`, once, is held by keepFiringFor, and its end is told", async () => {
    const { depth, run, told, addDeep, hook } = await hooked();
    addDeep({ for: "30s", keepFiringFor: "1m" });
    depth.set(11, { queue: "a" });
    await run(25);
    expect(told()).toEqual([]);
    await run(60);
    expect(told()).toEqual([["deep a"]]);
    depth.set(1, { queue: "a" });
    await run(55);
    expect(told()).toEqual([["deep a"]]);
    await run(15);
    expect(told()).toEqual([["deep a"], ["deep a (resolved)"]]);
    expect(hook.deliveries.map(({ status, path }) => [status, path])).toEqual(Array(2).fill([204, "POST /hook"]));
  });

  it("groups what comes together, and tells silenced and inhibited alerts to nobody", async () => {
    const { depth, run, told, addDeep, monitoring } = await hooked({ groupWaitMs: 10_000, groupBy: ["alertname"] });
    addDeep();
    monitoring.addAlert("full", { condition: "queue_depth > 20", severity: "critical", message: "full" });
    const { silences } = monitoring.notifications;
    silences.add({ matchers: 'queue="quiet"', durationMs: 60_000, author: "ops", comment: "known" });
    monitoring.notifications.inhibit({ source: 'alertname="full"', target: 'alertname="deep"', equal: ["queue"] });
    for (const [queue, value] of [
      ["a", 11],
      ["b", 11],
      ["quiet", 11],
      ["c", 21],
    ] as const)
      depth.set(value, { queue });
    await run(30);
    expect(
      told()
        .map((names) => names.sort())
        .sort(),
    ).toEqual([["deep a", "deep b"], ["full c"]]);
    await run(60);
    expect(
      told()
        .slice(2)
        .map((names) => names.sort()),
    ).toEqual([["deep a", "deep b", "deep quiet"]]);
  });

  it("what has no data tells nothing, and what a receiver refuses is sent again until it is taken", async () => {
    const refuse = { left: 2 };
    const { depth, run, told, addDeep, monitoring, hook } = await hooked({}, refuse);
    addDeep();
    await run(30);
    expect(monitoring.alerts()).toMatchObject([{ name: "deep", state: "no-data" }]);
    depth.set(11, { queue: "a" });
    await run(60);
    expect(hook.deliveries.map(({ status }) => status)).toEqual([503, 503, 204]);
    expect(told().at(-1)).toEqual(["deep a"]);
  });

  it("refuses what another key signed", async () => {
    const hook = await receiver((delivery) => verified(delivery, Date.UTC(2026, 0, 1)));
    const other = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
    const { depth, run, addDeep } = system((clock) => webhookNotifier({ url: hook.url, secret: other, clock }));
    addDeep();
    depth.set(11, { queue: "a" });
    await run(5);
    expect(hook.deliveries.map(({ status }) => status)).toEqual([401]);
  });
});

/** @see https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
const slackBody = z.strictObject({
  text: z.string().min(1),
  attachments: z.array(
    z.strictObject({
      color: z.string().regex(/^#[0-9a-f]{6}$/),
      title: z.string(),
      fallback: z.string(),
      text: z.string().max(8_000),
      ts: z.int(),
    }),
  ),
});

/** @see https://developer.pagerduty.com/docs/send-alert-event */
const pagerDutyBody = z.strictObject({
  routing_key: z.string().length(32),
  event_action: z.enum(["trigger", "acknowledge", "resolve"]),
  dedup_key: z.string().min(1).max(255),
  client: z.string(),
  payload: z.strictObject({
    summary: z.string().min(1).max(1_024),
    source: z.string().min(1),
    severity: z.enum(["critical", "error", "warning", "info"]),
    timestamp: z.iso.datetime(),
    custom_details: z.record(z.string(), z.unknown()),
  }),
});

describe("over HTTP, as the services ask for it", () => {
  it("Slack: a message when it fires, and one when all is over", async () => {
    const slack = await receiver(({ text }) => (slackBody.safeParse(JSON.parse(text)).success ? 200 : 400));
    const { depth, run, addDeep } = system(() => slackNotifier({ url: `${slack.url}/services/T/B/x` }));
    addDeep();
    for (let i = 0; i < 30; i += 1) depth.set(11, { queue: `${i}-${"q".repeat(400)}` });
    await run(20);
    for (let i = 0; i < 30; i += 1) depth.set(1, { queue: `${i}-${"q".repeat(400)}` });
    await run(20);
    expect(slack.deliveries.map(({ status }) => status)).toEqual([200, 200]);
    expect(slack.bodies(slackBody).map(({ text }) => text.slice(0, 14))).toEqual(["[FIRING:30] de", "[RESOLVED] dee"]);
    expect(slack.deliveries[0]!.headers["content-type"]).toBe("application/json");
  });

  it("PagerDuty: one incident per group, under one dedup key, that a refusal for now does not lose", async () => {
    let refusals = 1;
    const pagerDuty = await receiver(({ text }) => {
      if ((refusals -= 1) >= 0) return 429;
      return pagerDutyBody.safeParse(JSON.parse(text)).success ? 202 : 400;
    });
    const options = { routingKey: "r".repeat(32), url: `${pagerDuty.url}/v2/enqueue` };
    const { depth, run, addDeep } = system(() => pagerDutyNotifier(options), { groupBy: ["alertname", "queue"] });
    addDeep();
    for (const queue of ["a", "b".repeat(3_000)]) depth.set(11, { queue });
    await run(60);
    for (const queue of ["a", "b".repeat(3_000)]) depth.set(1, { queue });
    await run(20);
    const taken = pagerDuty.deliveries.filter(({ status }) => status === 202);
    expect(pagerDuty.deliveries.map(({ status }) => status).sort()).toEqual([202, 202, 202, 202, 429]);
    const events = taken.map(({ text }) => pagerDutyBody.parse(JSON.parse(text)));
    const actionsOf = (incident: string) =>
      events.filter(({ dedup_key }) => dedup_key === incident).map(({ event_action }) => event_action);
    const incidents = [...new Set(events.map(({ dedup_key }) => dedup_key))];
    expect(incidents.map(actionsOf)).toEqual(Array(2).fill(["trigger", "resolve"]));
  });

  it.runIf(hasAlertmanager)(
    "Alertmanager, the real one: takes, groups and tells alerts on, and their end",
    { timeout: 60_000 },
    async () => {
      const groups = z.object({
        status: z.string(),
        alerts: z.array(z.object({ status: z.string(), labels: z.record(z.string(), z.string()) })),
      });
      const hook = await receiver(() => 200);
      const alertmanager = await startAlertmanager(`${hook.url}/hook`);
      ends.push(async () => alertmanager[Symbol.asyncDispose]());
      const monitoring = new MonitoringSystem({ planAlerts: false });
      const depth = monitoring.trackMetric("queue_depth", "gauge", { labels: ["queue"] });
      const message = "{{ $labels.queue }} is deep";
      monitoring.addAlert("deep", { condition: "queue_depth > 10", severity: "warning", message });
      monitoring.notifications.add(alertmanagerNotifier({ url: alertmanager.url, externalLabels: { cluster: "eu" } }));
      const told = (status: string) =>
        hook
          .bodies(groups)
          .filter((group) => group.status === status)
          .map(({ alerts }) => alerts.map(({ labels }) => labels["queue"]).sort())
          .at(-1);
      const step = async (value: number) => {
        for (const queue of ["a", "b"]) depth.set(value, { queue });
        monitoring.checkAlerts();
        await monitoring.notifications.settled();
      };
      await step(11);
      await step(12);
      const held = (await (await fetch(`${alertmanager.url}/api/v2/alerts`)).json()) as unknown[];
      expect(held).toHaveLength(2);
      expect(held[0]).toMatchObject({
        labels: { alertname: "deep", severity: "warning", cluster: "eu" },
        status: { state: expect.stringMatching(/active|unprocessed/) },
      });
      await expect.poll(() => told("firing"), { timeout: 20_000 }).toEqual(["a", "b"]);
      await step(1);
      await expect.poll(() => told("resolved"), { timeout: 20_000 }).toEqual(["a", "b"]);
    },
  );
});
