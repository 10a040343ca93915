import { neon as driver, neonConfig, NeonDbError } from "@neondatabase/serverless";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient, type NeonClientOptions } from "../../../src/clients/neon/index.ts";
import { type IntegrationError } from "../../../src/core/index.ts";
import { FaultPlan } from "../../../src/local/faults.ts";
import { type Handler, type LoopbackServer, startLoopbackServer } from "../../../src/local/loopback-server.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";

const ok = (value: string) =>
  Response.json({
    fields: [{ name: "v", dataTypeID: 25 }],
    rows: [[value]],
    command: "SELECT",
    rowCount: 1,
    rowAsArray: true,
  });
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

let faults: FaultPlan;
let handle: Handler;
let server: LoopbackServer;
let requests: { headers: Headers; body: unknown }[];
const clients: NeonClient[] = [];

beforeEach(async () => {
  faults = new FaultPlan();
  requests = [];
  server = await startLoopbackServer({
    service: "neon",
    faults,
    handle: async (request) => {
      requests.push({ headers: request.headers, body: await request.clone().json() });
      return handle(request);
    },
  });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await server.close();
});

function make(options: Partial<NeonClientOptions> = {}, port = server.port): NeonClient {
  const client = new NeonClient({
    connectionString: `postgresql://me:pa55word@127.0.0.1:${port}/db`,
    transport: "http",
    ...options,
  });
  clients.push(client);
  return client;
}

describe("SQL over HTTP", () => {
  it("sends one request per statement, with the application's name", async () => {
    handle = () => ok("x");
    expect(await make({ applicationName: "billing" }).query`select ${"x"}::text as v`).toEqual([{ v: "x" }]);
    expect(requests).toHaveLength(1);
    expect(requests[0]!.body).toEqual({ query: "select $1::text as v", params: ["x"] });
    expect(requests[0]!.headers.get("neon-connection-string")).toContain("application_name=billing");
  });

  it.each([
    {
      answered: 400,
      body: { message: "syntax error", code: "42601", severity: "ERROR" },
      code: "QUERY_FAILED",
      verdict: "fatal",
      sqlState: "42601",
    },
    {
      answered: 400,
      body: { message: "password authentication failed for user 'me'" },
      code: "UNAUTHENTICATED",
      verdict: "auth",
    },
    {
      answered: 400,
      body: { message: "conflict", code: "40001", severity: "ERROR" },
      code: "QUERY_FAILED",
      verdict: "retryable",
      notSent: true,
    },
    {
      answered: 500,
      body: { message: "Couldn't connect to compute node" },
      code: "NETWORK",
      verdict: "retryable",
      notSent: true,
    },
    {
      answered: 500,
      body: { message: "Control plane request failed: endpoint is disabled", code: "XX000" },
      code: "QUERY_FAILED",
      verdict: "fatal",
    },
    {
      answered: 500,
      body: {
        message:
          "Failed to acquire permit to connect to the database. Too many database connection attempts are currently ongoing.",
      },
      code: "NETWORK",
      verdict: "throttled",
    },
    {
      answered: 500,
      body: { message: "terminating connection", code: "57P01", severity: "FATAL" },
      code: "NETWORK",
      verdict: "retryable",
      sqlState: "57P01",
      status: 500,
    },
    { answered: 500, body: "<html>oops</html>", code: "UPSTREAM_STATUS", verdict: "retryable", status: 500 },
    { answered: 413, body: { message: "request is too large" }, code: "INVALID_INPUT", verdict: "fatal", status: 413 },
    {
      answered: 507,
      body: { message: "response is too large" },
      code: "INVALID_OUTPUT",
      verdict: "fatal",
      status: 507,
    },
    { answered: 200, body: "<html>a captive portal</html>", code: "INVALID_OUTPUT", verdict: "fatal" },
    { answered: 200, body: {}, code: "INVALID_OUTPUT", verdict: "fatal" },
    { answered: 400, body: "not json", code: "INVALID_OUTPUT", verdict: "fatal", status: 400 },
  ])("maps $answered $body to $code, $verdict", async ({ answered, body, ...expected }) => {
    handle = () => new Response(typeof body === "string" ? body : JSON.stringify(body), { status: answered });
    const error = await make().query`select 1`.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ ...expected, service: "neon", operation: "query" });
    expect((error as Error).message).not.toContain("pa55word");
  });

  describe("beside the driver", () => {
    /** By the vendor's driver, to our server. */
    const driven = () => driver(`postgresql://me:pa55word@127.0.0.1/db`, { fullResults: true });
    const toOurServer: typeof fetch = (_, init) => fetch(`http://127.0.0.1:${server.port}/sql`, init);
    beforeEach(() => {
      neonConfig.fetchFunction = toOurServer;
    });
    afterEach(() => {
      neonConfig.fetchFunction = undefined;
    });
    const asked = () =>
      requests.splice(0).map(({ headers, body }) => ({
        body,
        headers: [...headers].filter(([name]) => name.startsWith("neon-") && name !== "neon-connection-string"),
      }));

    it("asks the same", async () => {
      handle = () => ok("x");
      const params = [
        ...["text", 1.5, -0, 12n, true, null, undefined, new Date(1_700_000_000_123), new Date("-000001-01-01T00:00Z")],
        ...[Buffer.from([0, 255]), new Uint8Array([1, 2]).subarray(1), { a: [1, "b"] }, [1, null, ["a,b", 'q"\\']], []],
        ...[{ toPostgres: (prepare: (value: unknown) => unknown) => prepare(["x"]) }],
      ];
      await make().query("select 1", params, { idempotent: true });
      await driven().query("select 1", params);
      const [ours, theirs] = asked();
      expect(ours).toEqual(theirs);
      expect((ours!.body as { params: unknown[] }).params).toHaveLength(params.length);
    });

    it("asks the same of a batch", async () => {
      handle = async () => Response.json({ results: [await ok("x").json(), await ok("y").json()] });
      const statements = [
        { text: "select $1", params: [1] },
        { text: "select 2", params: [] },
      ];
      const results = await make().batch(statements, { isolationLevel: "repeatable read", readOnly: true });
      expect(results).toEqual([[{ v: "x" }], [{ v: "y" }]]);
      const sql = driven();
      await sql.transaction(
        statements.map(({ text, params }) => sql.query(text, params)),
        { isolationLevel: "RepeatableRead", readOnly: true },
      );
      const [ours, theirs] = asked();
      expect(ours).toEqual(theirs);
      expect(ours!.headers).toContainEqual(["neon-batch-isolation-level", "RepeatableRead"]);
    });

    it("reads the same", async () => {
      const columns: [name: string, type: number, text: string | null][] = [
        ["a", 23, "7"],
        ["b", 20, "9007199254740993"],
        ["c", 16, "t"],
        ["d", 1184, "2026-01-02 03:04:05.678+00"],
        ["e", 3802, '{"a":[1,null]}'],
        ["f", 1007, "{1,NULL,3}"],
        ["g", 17, "\\x00ff"],
        ["h", 701, "NaN"],
        ["i", 25, null],
        ["a", 25, "again"],
        ["__proto__", 25, "no prototype"],
        ["j", 999_999, "unknown"],
      ];
      handle = () =>
        Response.json({
          fields: columns.map(([name, dataTypeID]) => ({ name, dataTypeID })),
          rows: [columns.map(([, , text]) => text), columns.map(() => null)],
          command: "SELECT",
          rowCount: 2,
        });
      const ours = await make().query("select 1");
      const theirs = await driven().query("select 1");
      expect(ours.map((row) => Object.entries(row))).toEqual(theirs.rows.map((row) => Object.entries(row)));
      expect([ours.rowCount, ours.fields]).toEqual([theirs.rowCount, theirs.fields]);
    });

    it("fails with the same cause", async () => {
      const report = { message: "no", code: "23505", severity: "ERROR", detail: "Key", constraint: "c", table: "t" };
      handle = () => Response.json(report, { status: 400 });
      const { cause } = await make()
        .query("select 1")
        .then(
          () => ({ cause: undefined }),
          (thrown: IntegrationError) => thrown,
        );
      const theirs: unknown = await driven()
        .query("select 1")
        .catch((thrown: unknown) => thrown);
      expect(cause).toBeInstanceOf(NeonDbError);
      expect(cause).toMatchObject(report);
      expect(theirs).toMatchObject({ ...(cause as object) });
    });
  });

  it("reads Retry-After, which the driver loses", async () => {
    faults.inject("neon", { kind: "status", status: 429, retryAfterSeconds: 7 });
    await expect(make().query`select 1`).rejects.toMatchObject({
      code: "UPSTREAM_STATUS",
      verdict: "throttled",
      status: 429,
      retryAfterMs: 7_000,
      notSent: true,
    });
  });

  it("tells a lost answer from a request that never left", async () => {
    handle = () => ok("x");
    const client = make();
    faults.inject("neon", { kind: "reset", phase: "after" }, { times: 2 });
    await expect(client.query`select 1`).rejects.toMatchObject({ code: "NETWORK", verdict: "retryable" });
    const write = await client.query`insert into t values (1)`.catch((thrown: unknown) => thrown);
    expect(write).toMatchObject({ code: "NETWORK", verdict: "outcome-unknown" });
    expect((write as IntegrationError).notSent).toBeUndefined();
    const closed = await startLoopbackServer({ service: "neon", faults, handle });
    await closed.close();
    await expect(make({}, closed.port).query`insert into t values (1)`).rejects.toMatchObject({
      code: "NETWORK",
      verdict: "retryable",
      notSent: true,
    });
  });

  it("is let finish when its client closes, and refused from then on", async () => {
    let answer = (): void => undefined;
    handle = () => new Promise((resolve) => (answer = () => resolve(ok("x"))));
    const client = make();
    const running = client.query`select 1`;
    await until(() => requests.length === 1);
    let isClosed = false;
    const closing = client.close().then(() => (isClosed = true));
    await expect(client.query`select 1`).rejects.toMatchObject({ code: "CLOSED" });
    await expect(client.batch([client.sql`select 1`])).rejects.toMatchObject({ code: "CLOSED" });
    expect([isClosed, requests.length]).toEqual([false, 1]);
    answer();
    expect(await running).toEqual([{ v: "x" }]);
    await closing;
  });

  it("is ended when closing it takes too long, with an outcome that nobody knows", async () => {
    const clock = new ManualClock();
    faults.inject("neon", { kind: "stall" });
    const client = make({ clock });
    const running = expect(client.query`insert into t values (1)`).rejects.toMatchObject({
      code: "CLOSED",
      verdict: "outcome-unknown",
    });
    await until(() => faults.requests("neon") > 0);
    const closing = client.close({ timeoutMs: 100 });
    await clock.advance(100);
    await Promise.all([closing, running]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("does not wait for a silent server beyond queryTimeoutMs", async () => {
    const clock = new ManualClock();
    faults.inject("neon", { kind: "stall" }, { times: 2 });
    const client = make({ clock, queryTimeoutMs: 1_000 });
    for (const [statement, verdict] of [
      ["select 1", "retryable"],
      ["insert into t values (1)", "outcome-unknown"],
    ] as const) {
      const before = faults.requests("neon");
      const waiting = expect(client.query(statement)).rejects.toMatchObject({ code: "ATTEMPT_TIMEOUT", verdict });
      await until(() => faults.requests("neon") > before);
      await clock.advance(1_000);
      await waiting;
    }
    expect(clock.pendingTimers).toBe(0);
  });

  it("names a parameter that cannot be sent as the caller's mistake", async () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    await expect(make().query`select ${circular}`).rejects.toMatchObject({ code: "INVALID_INPUT", verdict: "fatal" });
    expect(requests).toEqual([]);
  });

  it("learns the database's health from its answers", async () => {
    handle = () => ok("x");
    const client = make();
    await client.query`select 1`;
    expect(await client.health()).toMatchObject({ status: "up", source: "traffic" });
    expect(requests).toHaveLength(1);
  });

  const answer = (status: number, body: unknown) => () =>
    new Response(typeof body === "string" ? body : JSON.stringify(body), { status });

  it.each([
    ["a gateway's 503", 503, "<html>upstream unavailable</html>"],
    ["a compute that is disabled", 500, { message: "Control plane request failed: endpoint is disabled" }],
    ["a quota that is spent", 402, { message: "Your account or project has exceeded the compute time quota." }],
    ["a password that the proxy refuses", 400, { message: "password authentication failed for user 'me'" }],
    ["an endpoint that is not there", 404, "not found"],
  ])("counts %s as a database out of reach: down, and offline after three", async (_what, status, body) => {
    handle = () => ok("x");
    const pools = new ConnectionPoolManager({
      connectionString: `postgresql://me:pa55word@127.0.0.1:${server.port}/db`,
      transport: "http",
    });
    const client = make({ pools });
    await client.query`select 1`;
    handle = answer(status, body);
    await expect(client.query`select 1`).rejects.toThrow();
    expect(await client.health()).toMatchObject({ status: "down", mode: "read-write" });
    for (const _ of [2, 3]) await expect(client.query`select 1`).rejects.toThrow();
    expect(pools.mode).toBe("offline");
    await expect(client.query`insert into t values (1)`).rejects.toMatchObject({ code: "READ_ONLY", notSent: true });
    handle = () => ok("x");
    await client.query`select 1`;
    expect(await client.health()).toMatchObject({ source: "traffic", mode: "read-write" }); // its own question may be on the way
    await pools.close();
  });

  it.each([
    ["a statement that is wrong", 400, { message: "syntax error", code: "42601", severity: "ERROR" }],
    ["a limit on requests", 429, "slow down"],
    ["a request that is too big", 413, { message: "request is too large" }],
    ["an answer that is too big", 507, { message: "response is too large" }],
    [
      "an exception of a function that has the proxy's words",
      400,
      { message: "password authentication failed", code: "P0001", severity: "ERROR" },
    ],
  ])("counts %s against nobody but its caller", async (_what, status, body) => {
    handle = () => ok("x");
    const client = make();
    await client.query`select 1`;
    handle = answer(status, body);
    for (const _ of [1, 2, 3]) await expect(client.query`select 1`).rejects.toThrow();
    expect(await client.health()).toMatchObject({ status: "up", mode: "read-write" });
  });

  it("reads from the primary while a gateway stands where the replica was", async () => {
    const replica = await startLoopbackServer({
      service: "neon",
      faults: new FaultPlan(),
      handle: () => new Response("<html>upstream unavailable</html>", { status: 503 }),
    });
    handle = () => ok("the primary's");
    const replicaConnectionString = `postgresql://me:pa55word@127.0.0.1:${replica.port}/db`;
    expect(await make({ replicaConnectionString, reads: "replica" }).query`select 1`).toEqual([{ v: "the primary's" }]);
    await replica.close();
  });

  it("serves any number of endpoints in one process, and the host's own use of the driver", async () => {
    handle = () => ok("first");
    const other = await startLoopbackServer({ service: "neon", faults: new FaultPlan(), handle: () => ok("second") });
    const [first, second] = [make(), make({}, other.port)];
    const answers = await Promise.all([first.query`select 1`, second.query`select 1`, first.query`select 2`]);
    expect(answers.map((rows) => rows[0]!["v"])).toEqual(["first", "second", "first"]);

    const seen: string[] = [];
    const ours = neonConfig.fetchFunction as typeof fetch;
    neonConfig.fetchFunction = (url: string, init: RequestInit) => {
      seen.push(url);
      return url.includes("neon.tech") ? Promise.resolve(ok("the host's")) : (ours ?? fetch)(url, init);
    };
    expect(await driver("postgresql://a:b@ep-x.eu.aws.neon.tech/db")`select 1`).toEqual([{ v: "the host's" }]);
    expect(await second.query`select 1`).toEqual([{ v: "second" }]);
    expect(await driver("postgresql://a:b@ep-x.eu.aws.neon.tech/db")`select 1`).toEqual([{ v: "the host's" }]);
    expect(seen.filter((url) => url === "https://api.eu.aws.neon.tech/sql")).toHaveLength(2);
    neonConfig.fetchFunction = ours;
    await other.close();
  });

  it("sends through a given fetch, to the hosted endpoint of a Neon host", async () => {
    const urls: string[] = [];
    const client = make({
      connectionString: "postgresql://me:pa55word@ep-cool-1-pooler.eu-central-1.aws.neon.tech/db?sslmode=require",
      transport: "auto",
      fetch: async (url) => {
        urls.push(String(url));
        return ok("x");
      },
    });
    await client.query`select 1`;
    expect(urls).toEqual(["https://api.eu-central-1.aws.neon.tech/sql"]);
  });
});

describe("a WebSocket pool", () => {
  const pools = (port: number, clock = new ManualClock()) =>
    new ConnectionPoolManager({
      connectionString: `postgresql://me:pa55word@127.0.0.1:${port}/db`,
      transport: "websocket",
      connectionTimeoutMs: 1_000,
      clock,
    });

  it("says why a connection was refused", async () => {
    const refused = pools(1);
    await expect(refused.connect()).rejects.toMatchObject({
      code: "NETWORK",
      notSent: true,
      message: expect.stringContaining("ECONNREFUSED"),
    });
    await refused.close();
    const busy = pools(server.port);
    await expect(busy.connect()).rejects.toMatchObject({ code: "NETWORK", verdict: "retryable", notSent: true });
    await busy.close();
  });

  it("counts the wake-up into the bound on connecting, though the tunnel stands", async () => {
    const clock = new ManualClock();
    const silent = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    let messages = 0;
    silent.on("connection", (socket) => socket.on("message", () => (messages += 1)));
    await new Promise((resolve) => silent.once("listening", resolve));
    const manager = pools((silent.address() as { port: number }).port, clock);
    const waiting = expect(manager.connect()).rejects.toMatchObject({ code: "NETWORK", notSent: true });
    await until(() => messages > 0);
    await clock.advance(1_000);
    await waiting;
    await clock.advance(1_000); // a second attempt was made beside the slow one
    expect(manager.mode).toBe("offline");
    await manager.close();
    await until(() => silent.clients.size === 0);
    expect([manager.stats().total, clock.pendingTimers]).toEqual([0, 0]);
    await new Promise((resolve) => silent.close(resolve));
  });
});
