import * as api from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import express from "express";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { IntegrationError } from "../../../src/core/index.ts";
import { opsRouter } from "../../../src/hosts/express/index.ts";
import { problemOf } from "../../../src/hosts/express/problem.ts";
import { failure } from "../../../src/hosts/mcp/tool-result.ts";
import { type Integration } from "../../../src/integration.ts";
import {
  alertmanagerNotifier,
  logNotifier,
  pagerDutyNotifier,
  slackNotifier,
  webhookNotifier,
} from "../../../src/monitoring/index.ts";
import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";
import { type EchoingServices, type Say, sayer, startEchoingServices } from "./canaries/echoing-services.ts";
import { type Host, openHost } from "./canaries/host.ts";
import { Chance, holdsCanary, plant, type Planted } from "./canaries/planted.ts";
import { realCalls } from "./canaries/real-calls.ts";

const SEED = 20_260_101;
const BATCH = 250;
/** Series of one metric that hold a reason: enough for every notifier to tell of some. */
const REASONS = 200;

/** What the work of a host's own service may throw. */
const shapes: readonly ((said: string) => unknown)[] = [
  (said) => new Error(`password authentication failed: postgresql://app:${said}@db.example.com/app`),
  (said) => Object.assign(new Error(`invalid input: "${said}"`), { code: "22P02", detail: `param $1 = ${said}` }),
  (said) =>
    new TypeError("fetch failed", { cause: Object.assign(new Error(`proxy said ${said}`), { code: "ECONNRESET" }) }),
  (said) => Object.assign(new Error(`401: Bearer ${said}`), { status: 401, headers: { cookie: said } }),
  (said) =>
    new IntegrationError({ code: "UPSTREAM_STATUS", status: 503, message: `503: sid=${said}; x`, details: { said } }),
  (said) => ({ message: `odd ${said}`, statusCode: 500, body: Buffer.from(said) }),
  (said) => said,
  (said) => new AggregateError([new Error(said), { [said]: said }], `all failed: eyJ.${said}.sig`),
  (said) => new DOMException(said, "NetworkError"),
  (said) => new SyntaxError(`Unexpected token 'z', "${said.slice(0, 20)}"... is not valid JSON`),
];

/**
 * Forty canary secrets through failures of every shape, and what each sink shows of them; before that, whether a leak
 * would be seen: the same with an integration that has other secrets.
 */
export async function secrets(all: Count, real: Count): Promise<readonly Figure[]> {
  const planted = plant(SEED);
  if (new Set(planted.canaries).size !== 40) throw new Error(`there are ${planted.canaries.length} canaries, not 40`);
  const untold = await hitsBySink({ spoken: planted, configured: plant(SEED + 1), failures: 750, real: 100 });
  const { hits, done } = await hitsBySink({ spoken: planted, configured: planted, failures: all.run, real: real.run });
  console.log(
    `  ${counted(done.all, all, "failures")}, of which ${counted(done.real, real, "through the real clients")}`,
  );
  const telling = Object.keys(hits).filter((sink) => !silent.has(sink));
  return [
    {
      name: "fewest hits of a telling sink where an integration has other secrets",
      value: Math.min(...telling.map((sink) => untold.hits[sink] ?? 0)),
      unit: "hits",
      atLeast: 2,
    },
    ...Object.entries(hits).map(([sink, value]) => ({ name: `hits in ${sink}`, value, unit: "hits", atMost: 0 })),
  ];
}

/** These tell nothing of what services say, whoever's secret it is: that they show none is no proof of taking any out. */
const silent = new Set(["problem+json", "MCP results", "describe()", "status page, HTML"]);

interface Plan {
  /** Whose canaries the services speak of. */
  readonly spoken: Planted;
  /** Whose the integrations are told. */
  readonly configured: Planted;
  readonly failures: number;
  readonly real: number;
}

async function hitsBySink({ spoken, configured, failures, real }: Plan) {
  const chance = new Chance(SEED + 2);
  const say = sayer(spoken.canaries, chance);
  const folder = mkdtempSync(join(tmpdir(), "canaries-"));
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  api.trace.setGlobalTracerProvider(provider);
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const services = await startEchoingServices(say, chance);
  const common = { services, api };
  const hosts = [
    openHost(configured, { ...common, transport: "tcp", logs: { file: join(folder, "a.log"), format: "json" } }),
    openHost(configured, { ...common, transport: "http", logs: { file: join(folder, "b.log"), format: "pretty" } }),
    openHost(configured, { ...common, transport: "tcp", logs: "own" }),
  ];
  const calls = hosts.map(({ integration }) => realCalls(integration));
  for (const host of hosts) notify(host.integration, configured, services);
  const pages = await Promise.all(hosts.map(({ integration }) => servePage(integration)));

  const hits: Record<string, number> = {};
  const look = (sink: string, text: string) => (hits[sink] = (hits[sink] ?? 0) + (holdsCanary(text) ? 1 : 0));
  const done = { all: 0, real: 0 };
  let reasons = 0;
  try {
    while (done.all < failures) {
      const index = done.all % hosts.length;
      const { integration } = hosts[index]!;
      const isReal = done.real < real && done.all * real <= done.real * failures;
      const error = await failureOf(isReal ? chance.pick(calls[index]!) : () => failingWork(integration, say, chance));
      if (error === undefined) continue; // a listening connection that was made before the server refused
      done.all += 1;
      if (isReal) done.real += 1;
      lookAt(error, integration, look);
      if (reasons < REASONS && done.all % 4 === 0 && error instanceof Error) {
        reasons += 1;
        integration.monitoring.recordMetric("canary_reason", 1, { reason: error.message.slice(-150) });
      }
      if (done.all % BATCH === 0 || done.all >= failures) {
        await lookAround(hosts, pages, look);
        for (const body of services.takeDeliveries())
          look("notifiers' deliveries", body.replace(JSON.stringify(configured.pagerDutyKey), ""));
        for (const { name, attributes, status, events } of exporter.getFinishedSpans())
          look("spans", JSON.stringify({ name, attributes, status, events }));
        exporter.reset();
      }
    }
  } finally {
    await Promise.all(pages.map((page) => page.close()));
    await Promise.all(hosts.map(({ integration }) => integration.close({ timeoutMs: 2_000 })));
    await services[Symbol.asyncDispose]();
    await provider.shutdown();
    api.trace.disable();
    api.context.disable();
    rmSync(folder, { recursive: true, force: true });
  }
  return { hits, done };
}

type Look = (sink: string, text: string) => unknown;

async function failureOf(call: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    return (await call()) ?? undefined;
  } catch (thrown) {
    return thrown;
  }
}

function failingWork(integration: Integration, say: Say, chance: Chance): Promise<unknown> {
  const thrown = chance.pick(shapes)(say());
  const spec = { service: "crm", operation: "lookup", idempotent: chance.upTo(4) === 0 };
  const attempt = () => Promise.reject(thrown);
  return chance.upTo(5) === 0
    ? integration.errors.handleWithRetry(attempt, "crm.lookup", { maxAttempts: 1 })
    : integration.call(spec, attempt);
}

function lookAt(error: unknown, integration: Integration, look: Look): void {
  look("errors, inspected", inspect(error, { depth: Infinity, showHidden: true, maxStringLength: Infinity }));
  look("errors, as JSON and text", `${JSON.stringify(error)} ${String(error)}`);
  if (error instanceof Error) {
    look("errors' messages", error.message);
    look("errors' stacks", error.stack ?? "");
    look("errors' causes", inspect(error.cause, { depth: Infinity, showHidden: true }));
  }
  if (!IntegrationError.isInstance(error)) return;
  look("problem+json", JSON.stringify(problemOf(error)));
  look("MCP results", JSON.stringify(failure("search", error)));
  if (error.callId !== undefined) look("explain()", JSON.stringify(integration.explain(error.callId)) ?? "");
  integration.logger.error({ err: error, params: [error.cause] }, error.message);
}

function notify({ monitoring, logger }: Integration, planted: Planted, services: EchoingServices): void {
  const { http } = services;
  const route = { groupBy: ["reason"], groupWaitMs: 0 };
  const secret = planted.webhookSecret;
  monitoring.trackMetric("canary_reason", "gauge", { labels: ["reason"] });
  monitoring.addAlert("canary", {
    condition: "canary_reason > 0",
    severity: "critical",
    message: "it failed because of {{ $labels.reason }}",
  });
  for (const notifier of [
    logNotifier(logger),
    slackNotifier({ url: planted.slackUrl(http) }),
    pagerDutyNotifier({ routingKey: planted.pagerDutyKey, url: `${http}/deliver/pagerduty` }),
    webhookNotifier({ url: `${http}/deliver/webhook`, secret }),
    alertmanagerNotifier({ url: http, token: planted.alertmanagerToken }),
  ])
    monitoring.notifications.add(notifier, route);
}

interface Page {
  readonly origin: string;
  close(): Promise<void>;
}

async function servePage(integration: Integration): Promise<Page> {
  const app = express();
  app.use("/ops", opsRouter(integration, { authorize: () => "somebody", actions: true }));
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}/ops`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** What an integration shows without being told of a failure. */
async function lookAround(hosts: readonly Host[], pages: readonly Page[], look: Look): Promise<void> {
  for (const [index, host] of hosts.entries()) {
    const { integration } = host;
    const { monitoring } = integration;
    const { origin } = pages[index]!;
    monitoring.checkAlerts();
    await monitoring.notifications.settled();
    integration.operate({ action: "silence", alert: "canary", minutes: 1 }, "an operator");
    look("health", JSON.stringify(await integration.health()));
    look("readiness", JSON.stringify(await integration.ready()));
    look("describe()", JSON.stringify(integration.describe()));
    look("status()", JSON.stringify(integration.status()));
    look("alerts", JSON.stringify(monitoring.activeAlerts()));
    for (const format of ["prometheus", "openmetrics"] as const)
      look(`metrics, ${format}`, await monitoring.metrics({ format }));
    look("status page, HTML", await (await fetch(`${origin}/`)).text());
    look("status page, JSON", await (await fetch(`${origin}/status.json`)).text());
    look("status page, events", await firstEvent(`${origin}/events`));
    for (const [sink, texts] of Object.entries(host.take())) for (const text of texts) look(sink, text);
  }
}

async function firstEvent(url: string): Promise<string> {
  const leaving = new AbortController();
  const reader = (await fetch(url, { signal: leaving.signal })).body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n\n")) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
  }
  leaving.abort();
  await reader.cancel().catch(() => undefined);
  return text;
}
