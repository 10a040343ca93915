import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createIntegration, type Integration, type IntegrationOverrides } from "../../../src/index.ts";
import { isChild, openTelemetry } from "../../support/spans.ts";

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A real server that writes down what it is asked, and answers as told. */
async function listen(answer: (path: string) => { status: number; location?: string; body?: string }) {
  const seen: Seen[] = [];
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      seen.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers, body });
      const { status, location, body: text = "{}" } = answer(request.url ?? "");
      response.writeHead(status, { "content-type": "application/json", ...(location && { location }) }).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { seen, origin, close };
}

let otel: ReturnType<typeof openTelemetry>;
let there: Awaited<ReturnType<typeof listen>>;
let elsewhere: Awaited<ReturnType<typeof listen>>;
beforeAll(async () => {
  otel = openTelemetry();
  elsewhere = await listen(() => ({ status: 200 }));
  there = await listen((path) => {
    if (path.includes("moved-away")) return { status: 307, location: `${elsewhere.origin}/taken` };
    if (path.includes("moved-here")) return { status: 303, location: "/here" };
    if (path.includes("circle")) return { status: 302, location: "/circle" };
    return { status: 200 };
  });
});
afterAll(async () => {
  await otel.close();
  there.close();
  elsewhere.close();
});

const opened: Integration[] = [];
beforeEach(() => {
  otel.reset();
  there.seen.length = elsewhere.seen.length = 0;
});
afterEach(async () => {
  for (const integration of opened.splice(0)) await integration.close({ timeoutMs: 1 });
});

const env = {
  NEON_CONNECTION_STRING: "postgresql://app:secret-1234@db.example.com/app",
  NEON_TRANSPORT: "websocket",
  SUPABASE_URL: "https://project.supabase.co",
  SUPABASE_ANON_KEY: "sb_publishable_abcdefghijkl",
  SUPABASE_SERVICE_KEY: "sb_secret_abcdefghijklmnop",
  NEON_PROJECT_ID: "quiet-river-12345678",
  NEON_API_KEY: "napi_0123456789abcdef",
  NEON_DATA_API_URL: "https://ep-cool-1.apirest.c-2.us-east-2.aws.neon.tech/neondb/rest/v1",
  TINYFISH_API_KEY: "tf_live_0123456789abcdef",
  LOG_LEVEL: "silent",
  NODE_ENV: "test",
};

/** Every request of every client goes to the server, over the wire. */
function integrate(overrides: IntegrationOverrides = {}, more: Record<string, string> = {}) {
  const fetch = (input: string | URL, init?: RequestInit) => {
    const { pathname, search } = new URL(input);
    return globalThis.fetch(`${there.origin}${pathname}${search}`, init);
  };
  const integration = createIntegration(
    { ...env, ENABLE_PERFORMANCE_TRACING: "true", ...more },
    { fetch, outbound: false, ...overrides },
  );
  opened.push(integration);
  return integration;
}

const asks: Record<string, (integration: Integration) => Promise<unknown>> = {
  "neon over HTTP": ({ neon }) => neon.query`select ${"a secret parameter"}::text`,
  "neon's batches over HTTP": ({ neon }) => neon.batch([{ text: "select 1" }]),
  "neon-data-api": async ({ neon }) => neon.dataApi("a.b.c").from("houses").select(),
  "neon-management": ({ neon }) => neon.admin.branches.list(),
  supabase: ({ supabase }) => supabase.storage.download({ bucket: "homes", path: "a.txt", token: "a.b.c" }),
  "supabase's uploads": ({ supabase }) => supabase.storage.upload({ bucket: "homes", path: "a.txt", body: "a" }),
  "supabase's auth": ({ supabase }) => supabase.auth.signIn({ email: "ada@example.com", password: "a secret" }),
  "supabase by the vendor's client": async ({ supabase }) => supabase.admin.from("houses").select(),
  tinyfish: ({ tinyfish }) => tinyfish.runs.get("run_1"),
  "tinyfish's runs": ({ tinyfish }) => tinyfish.start(briefRun()),
  "tinyfish's streams": ({ tinyfish }) => all(tinyfish.stream(briefRun())),
  ollama: ({ ollama }) => ollama.models(),
  "ollama's chats": ({ ollama }) => ollama.chat({ messages: [{ role: "user", content: "a secret" }] }),
  "ollama's embeddings": ({ ollama }) => ollama.embed(["a secret"]),
};

/** Whoever starts a run looks for it until it is found: here it never is. */
const briefRun = () => ({ url: "https://example.com", goal: "a secret", signal: AbortSignal.timeout(300) });

async function all(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _item of items);
}

describe("the W3C trace context", () => {
  it.each(Object.keys(asks))("reaches %s, and names the attempt's span", async (name) => {
    await asks[name]!(integrate()).catch(() => undefined);
    expect(there.seen.length).toBeGreaterThan(0);
    for (const { headers } of there.seen) expect(headers["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    const [request] = there.seen;
    const attempt = otel.named("attempt 1")[0]!;
    const { traceId, spanId } = attempt.spanContext();
    expect(request?.headers["traceparent"]).toBe(`00-${traceId}-${spanId}-01`);
    const call = otel.all().find((span) => isChild(attempt, span));
    expect(call?.name).toMatch(new RegExp(`^${/^[\w-]+/.exec(name)![0]}\\.`));
    if (/^neon(-data-api)?\b(?!-)/.test(name)) expect(call?.attributes["db.system.name"]).toBe("postgresql");
    expect(attempt.attributes).toMatchObject({
      "http.request.method": request?.method,
      "http.response.status_code": 200,
      "server.port": name.startsWith("ollama") ? 11434 : 443,
    });
    expect(JSON.stringify(otel.all().map(({ attributes }) => attributes))).not.toMatch(/secret/);
  });

  it("is not sent, and nothing is recorded, where traces are off", async () => {
    const integration = integrate({}, { ENABLE_PERFORMANCE_TRACING: "false" });
    await integration.ollama.models().catch(() => undefined);
    await integrate({ tracing: false })
      .ollama.models()
      .catch(() => undefined);
    expect(there.seen.length).toBeGreaterThanOrEqual(2);
    expect(there.seen.filter(({ headers }) => headers["traceparent"] !== undefined)).toEqual([]);
    expect(otel.all()).toEqual([]);
  });

  it("is left to instrumentation of undici, where there is some, unless told otherwise", async () => {
    const passesOn = async (overrides: IntegrationOverrides) => {
      there.seen.length = 0;
      await integrate(overrides)
        .ollama.models()
        .catch(() => undefined);
      return there.seen.length > 0 && there.seen.every(({ headers }) => headers["traceparent"] !== undefined);
    };
    const instrumentation = () => undefined;
    subscribe("undici:request:create", instrumentation);
    try {
      expect(await passesOn({})).toBe(false);
      expect(await passesOn({ tracing: { propagation: "always" } })).toBe(true);
    } finally {
      unsubscribe("undici:request:create", instrumentation);
    }
    expect(await passesOn({ tracing: { propagation: "auto" } })).toBe(true);
    expect(await passesOn({ tracing: { propagation: "never" } })).toBe(false);
    expect(there.seen.length).toBeGreaterThan(0);
  });

  it("switches on by being given, and takes the host's own module", async () => {
    const integration = integrate({ tracing: { api: otel.api } }, { ENABLE_PERFORMANCE_TRACING: "false" });
    await integration.ollama.models().catch(() => undefined);
    expect(there.seen[0]?.headers["traceparent"]).toMatch(/^00-/);
  });

  it("stays with the service when it redirects to another origin, and so do the keys", async () => {
    const { tracedFetch, CallTracing } = await import("../../../src/monitoring/index.ts");
    const tracing = new CallTracing({ api: otel.api });
    const fetch = tracedFetch({ api: otel.api, tracing, fetch: globalThis.fetch });
    const headers = {
      authorization: "Bearer a",
      apikey: "b",
      accept: "application/json",
      "content-type": "text/plain",
    };
    await otel.api.trace.getTracer("host").startActiveSpan("request", async (span) => {
      await fetch(`${there.origin}/moved-away`, { method: "POST", headers, body: "sent" });
      await fetch(`${there.origin}/moved-here`, { method: "POST", headers, body: "sent" });
      await expect(fetch(`${there.origin}/circle`)).rejects.toThrow("fetch failed");
      const manual = await fetch(`${there.origin}/moved-away`, { redirect: "manual" });
      expect(manual.status).toBe(307);
      span.end();
    });
    expect(elsewhere.seen).toHaveLength(1);
    expect(elsewhere.seen[0]).toMatchObject({ method: "POST", path: "/taken", body: "sent" });
    expect(elsewhere.seen[0]?.headers["accept"]).toBe("application/json");
    for (const name of ["traceparent", "authorization", "apikey"])
      expect(elsewhere.seen[0]?.headers[name]).toBeUndefined();
    const here = there.seen.find(({ path }) => path === "/here");
    expect(here).toMatchObject({ method: "GET", body: "" });
    expect(here?.headers).toMatchObject({ traceparent: expect.stringMatching(/^00-/), authorization: "Bearer a" });
    expect(here?.headers["content-type"]).toBeUndefined();
    expect(there.seen.filter(({ path }) => path === "/circle")).toHaveLength(21);
  });
});

describe("without the package @opentelemetry/api", () => {
  it("nothing is traced, and the host is told what to install", async () => {
    const { loadOpenTelemetry } = await import("../../../src/monitoring/index.ts");
    const missing = () => {
      throw Object.assign(new Error("Cannot find module"), { code: "MODULE_NOT_FOUND" });
    };
    expect(loadOpenTelemetry(missing)).toBeUndefined();
    const { tracingWarning } = await import("../../../src/composition/tracing.ts");
    const { config } = integrate();
    expect(tracingWarning(config, undefined, undefined)).toEqual([
      { name: "ENABLE_PERFORMANCE_TRACING", message: expect.stringContaining("npm install @opentelemetry/api") },
    ]);
    expect(tracingWarning(config, false, undefined)).toEqual([]);
  });
});

describe("log lines", () => {
  it("of a call, and those that are written inside, say its id and its trace", async () => {
    const lines: Record<string, unknown>[] = [];
    const { createLogger, logEvents, CallTracing } = await import("../../../src/monitoring/index.ts");
    const { createPipeline } = await import("../../../src/resilience/index.ts");
    const { EventBus } = await import("../../../src/core/index.ts");
    const events = new EventBus();
    const tracer = new CallTracing({ api: otel.api });
    const logger = createLogger({
      level: "debug",
      fields: () => tracer.fields(),
      destination: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
    });
    logEvents(events, logger, { verbose: true });
    const pipeline = createPipeline({ events, tracer, defaults: { baseDelayMs: 1, maxDelayMs: 1 } });
    let attempts = 0;
    await pipeline.run({ service: "maps", operation: "lookup", idempotent: true }, async () => {
      logger.info({}, "inside");
      if ((attempts += 1) === 1) throw Object.assign(new Error("reset"), { code: "ECONNRESET" });
    });
    logger.info({}, "outside");
    const call = otel.one("maps.lookup");
    const { traceId } = call.spanContext();
    const callId = call.attributes["enhanced_integration.call_id"];
    expect(lines.map(({ msg }) => msg)).toEqual([
      "inside",
      expect.stringContaining("attempt 1"),
      expect.stringContaining("is tried again"),
      "inside",
      expect.stringContaining("finished"),
      "outside",
    ]);
    for (const line of lines.slice(0, 5)) expect(line).toMatchObject({ callId, trace_id: traceId });
    const attempt = otel.one("attempt 2").spanContext();
    expect(lines[3]).toMatchObject({ span_id: attempt.spanId });
    expect(lines[5]).not.toHaveProperty("trace_id");
    expect(lines[5]).not.toHaveProperty("callId");
  });
});
