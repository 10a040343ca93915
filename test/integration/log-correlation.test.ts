import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import express from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { integrationMiddleware, problemDetails, rateLimit } from "../../src/hosts/express/index.ts";
import { registerTool } from "../../src/hosts/mcp/register-tool.ts";
import { createIntegration, type Integration } from "../../src/index.ts";
import { type LocalStack, startLocalStack } from "../../src/local/index.ts";
import { sdks } from "../hosts/mcp/sdks.ts";
import { serve } from "../hosts/support.ts";
import { openTelemetry } from "../support/spans.ts";

type Line = Readonly<Record<string, unknown>> & { readonly msg: string };

/**
 * Every place in src that writes a line, and on whose behalf. The local stack and the command are programs of their own.
 * Of a call: the line must say `callId`. Of a request: `requestId`. Nobody's: about what calls share, or the background.
 */
const places: Readonly<
  Record<string, { readonly ofCalls?: RegExp[]; readonly ofRequests?: RegExp[]; readonly nobodys?: number }>
> = {
  "clients/neon/client-context.ts": { ofCalls: [/^sql$/, /^sql failed$/] },
  "clients/neon/replica-routing.ts": { ofCalls: [/^the primary answers instead/] },
  "clients/neon/migrate.ts": { ofCalls: [/^the database has migrations that/, /^migration applied$/] },
  "monitoring/logs/log-events.ts": {
    ofCalls: [
      /^crm\.get failed: INVALID_OUTPUT/,
      /^neon\.query finished$/,
      /^neon\.query is tried again/,
      /^neon\.query, attempt 1: /,
      /^query over /,
      /^the limit search refused$/,
      /^waited for the limit scraping$/,
    ],
    ofRequests: [/^GET \/broken 502$/, /^tool probe: error$/, /^the limit upload refused$/],
    // Circuits, pools, alerts, operators, settings.
    nobodys: 9,
  },
  "hosts/express/problem-details.ts": { ofRequests: [/^request failed$/] },
  "hosts/mcp/register-tool.ts": { ofRequests: [/^tool failed$/] },
  // LISTEN lives longer than the call that began it.
  "clients/neon/listener.ts": { nobodys: 2 },
  // A pool alone, without an integration that writes its events down.
  "clients/connection-pool-manager.ts": { nobodys: 1 },
  "clients/pools/pool-report.ts": { nobodys: 2 },
  "resilience/fleet/fleet-breakers.ts": { nobodys: 1 },
  "resilience/fleet/fleet-member.ts": { nobodys: 2 },
  "monitoring/alerts/notifiers/log-notifier.ts": { nobodys: 1 },
  // These pass on what others write: with the call's ids, and without secrets.
  "clients/neon/migrator.ts": { nobodys: 1 },
  "composition/redaction.ts": { nobodys: 1 },
};

it("knows every place that writes lines", () => {
  const root = join(import.meta.dirname, "../../src");
  const found = globSync("**/*.ts", { cwd: root })
    .filter((file) => !file.startsWith("local/") && !/^cli[./]/.test(file))
    .flatMap((file): [string, number][] => {
      const code = readFileSync(join(root, file), "utf8").replaceAll(/^ *(\*|\/\/).*$/gm, "");
      const writes = code.match(/logger\??(\.(debug|info|warn|error)\(|\[)/gi)?.length ?? 0;
      return writes > 0 ? [[file.replaceAll("\\", "/"), writes]] : [];
    });
  const known = Object.entries(places).map(([file, { ofCalls = [], ofRequests = [], nobodys = 0 }]) => [
    file,
    ofCalls.length + ofRequests.length + nobodys,
  ]);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(known));
});

describe.each(["off", "on"] as const)("with traces %s", (traces) => {
  const folder = mkdtempSync(join(tmpdir(), "lines-"));
  let stack: LocalStack;
  let otel: ReturnType<typeof openTelemetry> | undefined;
  let lines: readonly Line[];

  beforeAll(async () => {
    if (traces === "on") otel = openTelemetry();
    stack = await startLocalStack({ houses: [] });
    const integration = createIntegration(
      {
        ...stack.env,
        NEON_REPLICA_CONNECTION_STRING: "postgresql://app:secret-1234@127.0.0.1:1/app",
        RATE_LIMIT_SEARCH_BURST: "1",
        RATE_LIMIT_SEARCH_REQUESTS: "1",
        RATE_LIMIT_UPLOAD_BURST: "1",
        RATE_LIMIT_UPLOAD_REQUESTS: "1",
        RATE_LIMIT_SCRAPING_BURST: "1",
        RATE_LIMIT_SCRAPING_REQUESTS: "600",
        ENABLE_PERFORMANCE_TRACING: String(traces === "on"),
        ...{ LOG_LEVEL: "debug", VERBOSE_LOGGING: "true", ENABLE_SQL_LOGGING: "true" },
        LOG_FILE_PATH: join(folder, `${traces}.log`),
      },
      { policies: { neon: { baseDelayMs: 1, maxDelayMs: 2 } } },
    );
    await work(integration, stack);
    await integration.close();
    lines = readFileSync(join(folder, `${traces}.log`), "utf8")
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text) as Line);
  });
  afterAll(async () => {
    await stack.close();
    await otel?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const all = (kind: "ofCalls" | "ofRequests") => Object.values(places).flatMap((place) => place[kind] ?? []);
  const like = (patterns: readonly RegExp[]) =>
    lines.filter(({ msg }) => patterns.some((pattern) => pattern.test(msg)));

  it.each(all("ofCalls"))("%s names its call", (pattern) => {
    const found = like([pattern]);
    expect(found).not.toEqual([]);
    for (const line of found) expect(line).toHaveProperty("callId", expect.stringMatching(/./));
  });

  it.each(all("ofRequests"))("%s names its request", (pattern) => {
    const found = like([pattern]);
    expect(found).not.toEqual([]);
    for (const line of found) expect(line).toHaveProperty("requestId", expect.stringMatching(/./));
  });

  it("a line about a call that failed in a request names both", () => {
    for (const line of like([/^request failed$/, /^tool failed$/])) expect(line["callId"]).toEqual(expect.any(String));
  });

  it(traces === "on" ? "every line of a call names the trace that recorded it" : "no line names a trace", () => {
    const ofCalls = lines.filter(({ callId, requestId }) => callId !== undefined && requestId === undefined);
    expect(ofCalls.length).toBeGreaterThan(20);
    const traceOf = new Map(
      otel?.all().map((span) => [span.attributes["enhanced_integration.call_id"], span.spanContext().traceId]),
    );
    for (const line of ofCalls)
      expect([line.msg, line["trace_id"]]).toEqual([line.msg, traceOf.get(line["callId"] as string)]);
    if (traces === "off") for (const line of lines) expect(line).not.toHaveProperty("trace_id");
  });

  it("lines of nobody are about what calls share, and no others are without an id", () => {
    const others = lines.filter(({ callId, requestId }) => callId === undefined && requestId === undefined);
    const shared = /^(the circuit of|the pool|database connection lost|database pool is|the replica|[A-Z_]+: )/;
    expect(others.map(({ msg }) => msg).filter((msg) => !shared.test(msg))).toEqual([]);
  });
});

/** A little of everything that makes somebody write a line. */
async function work(integration: Integration, { faults }: LocalStack): Promise<void> {
  const { neon, tinyfish } = integration;
  await neon.migrate();
  await neon.query`insert into enhanced_integration_migrations (version, name, checksum) values (9999, 'later', 'x')`;
  await neon.migrate();
  await neon.query`select 1`;
  await neon.query("select 1", [], { replica: true });
  await neon.query`select no_such_column`.catch(() => undefined);
  await neon
    .transaction(async (transaction) => {
      await transaction.query`select 2`;
      await transaction.query`select no_such_column`;
    })
    .catch(() => undefined);
  await neon.batch([{ text: "select 3" }]);
  await neon.bulkInsert("user_workflows", [{ user_id: "4b6f1e2a-0000-4000-8000-000000000000", name: "n" }]);
  for await (const _row of neon.stream`select generate_series(1, 3)`);
  faults.inject("neon", { kind: "reset" });
  await neon.query`select 4`;
  await Promise.all([1, 2].map((n) => tinyfish.search({ query: `houses ${n}` })));
  const limit = { name: "search", key: "k" };
  const call = () =>
    integration.call({ service: "crm", operation: "get", limit }, () => Promise.reject(new TypeError("x")));
  await call().catch(() => undefined);
  await call().catch(() => undefined);

  const fails = () => integration.call({ service: "erp", operation: "get" }, () => Promise.reject(new Error("broken")));
  const app = express()
    .use(integrationMiddleware(integration))
    .get("/broken", rateLimit(integration, "upload"), fails)
    .use(problemDetails(integration));
  await using host = await serve(app);
  const finished = new Promise((resolve) => integration.events.on("request.finished", resolve));
  await fetch(`${host.url}/broken`);
  await finished;
  await fetch(`${host.url}/broken`);
  await using session = await sdks[0]!.connect((server) =>
    registerTool(server, integration, {
      ...{ name: "probe", title: "Probe", description: "Fails.", deadlineMs: 1_000, annotations: {} },
      ...{ input: z.object({}), output: z.object({}), run: fails },
    } as never),
  );
  await session.call("probe");
}
