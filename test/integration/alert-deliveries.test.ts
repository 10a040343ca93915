import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { createIntegration } from "../../src/index.ts";
import { MonitoringSystem, webhookNotifier } from "../../src/monitoring/index.ts";
import { createPipeline } from "../../src/resilience/index.ts";

it("delivers alerts through the rooms of every call: a delivery that fails is tried again, as the same one", async () => {
  const seen: IncomingMessage["headers"][] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    response.writeHead(seen.length === 1 ? 503 : 204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const integration = createIntegration(
    {
      NEON_CONNECTION_STRING: "postgresql://app:secret-1234@db.example.com/app",
      SUPABASE_URL: "https://project.supabase.co",
      SUPABASE_ANON_KEY: "sb_publishable_abcdefghijkl",
      LOG_LEVEL: "silent",
    },
    { policies: { webhook: { baseDelayMs: 1, maxDelayMs: 5 } } },
  );
  const finished: object[] = [];
  integration.events.on("call.finished", (event) => finished.push(event));
  try {
    const { monitoring } = integration;
    const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    monitoring.notifications.add(webhookNotifier({ url: `http://127.0.0.1:${port}/`, secret }), { groupWaitMs: 0 });
    monitoring.trackMetric("jobs_waiting", "gauge");
    monitoring.addAlert("jobs_stuck", {
      condition: "jobs_waiting > 100",
      severity: "warning",
      message: "Jobs pile up",
    });
    monitoring.recordMetric("jobs_waiting", 101);
    monitoring.checkAlerts();
    await monitoring.notifications.settled();
    expect(seen).toHaveLength(2);
    expect(seen[1]!["webhook-id"]).toBe(seen[0]!["webhook-id"]);
    expect(finished).toMatchObject([{ service: "webhook", operation: "notify", outcome: "ok", attempts: 2 }]);
    expect(integration.describe().breakers).toMatchObject({ webhook: "closed" });
  } finally {
    await integration.close();
    server.close();
  }
});

it("keeps the outage of one receiver from another of its kind", async () => {
  let healthy = 0;
  const serve = async (status: number, onRequest = () => {}) => {
    const server = createServer((_request, response) => (onRequest(), void response.writeHead(status).end()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
  };
  const [ill, well] = [await serve(503), await serve(204, () => (healthy += 1))];
  const runner = createPipeline({
    services: { webhook: { maxAttempts: 2, baseDelayMs: 0, breaker: { minimumCalls: 2, breakMs: 3_600_000 } } },
  });
  const monitoring = new MonitoringSystem();
  try {
    const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    const quick = { groupWaitMs: 0, runner };
    monitoring.notifications.add(webhookNotifier({ url: ill.url, secret }), quick);
    monitoring.trackMetric("jobs_waiting", "gauge").set(101);
    const alert = { condition: "jobs_waiting > 100", severity: "warning", message: "Jobs pile up" } as const;
    monitoring.addAlert("jobs_stuck", alert);
    monitoring.checkAlerts();
    await monitoring.notifications.settled();
    monitoring.notifications.add(webhookNotifier({ url: well.url, secret }), quick);
    monitoring.checkAlerts();
    await monitoring.notifications.settled();
    expect(healthy).toBe(1);
    expect(runner.breakers().map(({ part, state }) => [part, state])).toEqual([
      [undefined, "closed"],
      [new URL(ill.url).host, "open"],
      [new URL(well.url).host, "closed"],
    ]);
  } finally {
    ill.server.close();
    well.server.close();
  }
});
