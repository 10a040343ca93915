import * as api from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { EventBus, IntegrationError } from "../../../src/core/index.ts";
import { problemOf } from "../../../src/hosts/express/problem.ts";
import { failure } from "../../../src/hosts/mcp/tool-result.ts";
import {
  CallTracing,
  createLogger,
  createTextRedactor,
  logEvents,
  MonitoringSystem,
} from "../../../src/monitoring/index.ts";
import { createPipeline } from "../../../src/resilience/index.ts";
import { seededRandom } from "../../../src/testing/index.ts";
import { type Count, counted } from "../../support/count.ts";
import { type Figure } from "../../support/report.ts";

const CANARIES = 40;
const BATCH = 500;
const random = seededRandom(20_260_101);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;

const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/+=% é";
const canaries = Array.from({ length: CANARIES }, () =>
  Array.from({ length: 24 }, () => pick([...alphabet]))
    .join("")
    .trim()
    .padEnd(20, "x"),
);

const base64 = (value: string) => Buffer.from(value).toString("base64");
/** How a secret turns up in what services, drivers and proxies say. */
const spellings: readonly ((value: string) => string)[] = [
  (value) => value,
  (value) => encodeURIComponent(value),
  base64,
  (value) => Buffer.from(value).toString("base64url"),
  (value) => Buffer.from(value).toString("hex"),
  (value) => Buffer.from(value).toString("hex").toUpperCase(),
  (value) => `Basic ${base64(`user:${value}`)}`,
  (value) => JSON.stringify({ body: JSON.stringify({ value }) }),
];
/** What failures look like. */
const shapes: readonly ((said: string) => unknown)[] = [
  (said) => new Error(`password authentication failed: postgresql://app:${said}@db.example.com/app`),
  (said) =>
    Object.assign(new Error(`invalid input syntax: "${said}"`), { code: "22P02", detail: `param $1 = ${said}` }),
  (said) =>
    new TypeError("fetch failed", { cause: Object.assign(new Error(`proxy said ${said}`), { code: "ECONNRESET" }) }),
  (said) => Object.assign(new Error(`401 authorization: Bearer ${said}`), { status: 401, headers: { cookie: said } }),
  (said) =>
    new IntegrationError({ code: "UPSTREAM_STATUS", status: 503, message: `answered 503: set-cookie: sid=${said}; x` }),
  (said) => ({ message: `odd ${said}`, statusCode: 500 }),
  (said) => said,
  (said) => new AggregateError([new Error(said)], `all failed: eyJ.${said}.sig`),
];

/** Written apart from the code that redacts: a text is a hit if it holds a canary in any of the promised spellings. */
function hitsIn(text: string): boolean {
  return needles.some((needle) => text.includes(needle));
}
const needles = canaries.flatMap((value) => {
  const escaped = JSON.stringify(value).slice(1, -1);
  const hex = Buffer.from(value).toString("hex");
  const shifted = [1, 2].map((offset) => base64("u".repeat(offset) + value).slice(4, 24));
  return [value, escaped, encodeURIComponent(value), base64(value).slice(0, 24), hex, hex.toUpperCase(), ...shifted];
});

const services = ["neon", "supabase", "tinyfish", "ollama"];
/** An open circuit would keep the canaries out. */
const unbroken = Object.fromEntries(services.map((name) => [name, { breaker: false as const }]));

/** Canary secrets through failures of every shape, and what each sink shows of them; first, whether a leak would be seen. */
export async function secrets(count: Count): Promise<readonly Figure[]> {
  const unguarded = await hitsBySink(500, []);
  const seen = ["log lines", "pretty log lines", "spans"].map((sink) => unguarded[sink] ?? 0);
  const hits = await hitsBySink(count.run, canaries);
  console.log(`  ${counted(count.run, count, "failures")}, ${CANARIES} canaries`);
  return [
    {
      name: "fewest hits of a sink that is not told the secrets",
      value: Math.min(...seen),
      unit: "hits",
      atLeast: 100,
    },
    ...Object.entries(hits).map(([sink, value]) => ({ name: `hits in ${sink}`, value, unit: "hits", atMost: 0 })),
  ];
}

async function hitsBySink(failures: number, configured: readonly string[]): Promise<Record<string, number>> {
  const written: Record<string, string[]> = { "log lines": [], "pretty log lines": [] };
  const events = new EventBus();
  const loggers = (["json", "pretty"] as const).map((format, index) => {
    const lines = Object.values(written)[index]!;
    const logger = createLogger({
      level: "debug",
      format,
      secrets: configured,
      destination: { write: (line) => lines.push(line) },
    });
    logEvents(events, logger, { verbose: true });
    return logger;
  });
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  api.trace.setGlobalTracerProvider(provider);
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const tracer = new CallTracing({ api, redact: createTextRedactor(configured) });
  const monitoring = new MonitoringSystem({ defaultMetrics: false });
  monitoring.observe(events);
  const pipeline = createPipeline({ events, tracer, defaults: { maxAttempts: 1 }, services: unbroken });

  const hits: Record<string, number> = {};
  const look = (sink: string, text: string) => (hits[sink] = (hits[sink] ?? 0) + (hitsIn(text) ? 1 : 0));
  for (let done = 0; done < failures; done += 1) {
    const thrown = pick(shapes)(pick(spellings)(pick(canaries)));
    const service = pick(services);
    const error: unknown = await pipeline
      .run({ service, operation: "query", idempotent: true }, () => Promise.reject(thrown as Error))
      .catch((caught: unknown) => caught);
    if (!IntegrationError.isInstance(error)) throw new Error("a failure did not come out as an IntegrationError");
    for (const logger of loggers) logger.error({ err: error, params: [thrown] }, error.message);
    look("problem+json", JSON.stringify(problemOf(error)));
    look("MCP results", JSON.stringify(failure("search", error)));
    if (done % BATCH === BATCH - 1 || done === failures - 1) {
      for (const [sink, lines] of Object.entries(written)) for (const line of lines.splice(0)) look(sink, line);
      for (const { name, attributes, status, events } of exporter.getFinishedSpans())
        look("spans", JSON.stringify({ name, attributes, status, events }));
      exporter.reset();
    }
  }
  for (const format of ["prometheus", "openmetrics"] as const)
    for await (const slice of monitoring.metricsStream({ format })) look(`metrics, ${format}`, slice);
  await provider.shutdown();
  api.trace.disable();
  api.context.disable();
  return hits;
}
