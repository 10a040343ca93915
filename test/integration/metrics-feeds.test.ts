import { once } from "node:events";
import { type AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { registerTools } from "../../src/hosts/mcp/index.ts";
import { createIntegration, type Integration } from "../../src/index.ts";
import { type LocalStack, readHouses, sampleDataFile, startLocalStack } from "../../src/local/index.ts";
import { sdks } from "../hosts/mcp/sdks.ts";

let stack: LocalStack;
let integration: Integration;
const clients: Integration[] = [];

beforeAll(async () => {
  const { houses } = await readHouses(sampleDataFile());
  stack = await startLocalStack({ houses: houses.slice(0, 4), pageSize: 4 });
  integration = await connected();
  await integration.neon.migrate();
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await stack?.close();
});

async function connected(env: Record<string, string> = {}): Promise<Integration> {
  const client = createIntegration({ ...stack.env, LOG_LEVEL: "silent", ...env });
  clients.push(client);
  return Promise.resolve(client);
}

/** The sum of a metric's samples whose labels hold all of these; undefined while it has none. */
function valueOf(name: string, labels: Record<string, string> = {}, of = integration): number | undefined {
  const wanted = Object.entries(labels);
  const found = of.monitoring
    .read(name)
    .filter((sample) => wanted.every(([label, text]) => sample.labels[label] === text));
  return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
}

/** How far real work moves a metric. */
async function moved(name: string, labels: Record<string, string>, work: () => Promise<unknown>): Promise<number> {
  const before = valueOf(name, labels) ?? 0;
  await work();
  return (valueOf(name, labels) ?? 0) - before;
}

const person = (name: string) => ({ email: `${name}@example.com`, password: "correct horse battery" });

describe("the plan's metrics, fed by real operations", () => {
  it("neon_query_duration and db.client.operation.duration: a query", async () => {
    const ask = () => integration.neon.query`select 1 as n`;
    expect(await moved("neon_query_duration_seconds_count", {}, ask)).toBe(1);
    const labels = { db_system_name: "postgresql", db_operation_name: "SELECT" };
    expect(await moved("db_client_operation_duration_seconds_count", labels, ask)).toBe(1);
  });

  it("db.client.operation.duration: a statement that failed, with the database's code, or ours if it said none", async () => {
    const name = "db_client_operation_duration_seconds_count";
    const failed = { db_system_name: "postgresql", error_type: "42703", db_response_status_code: "42703" };
    const bad = "select no_such_column";
    const ask = () => integration.neon.query(bad).catch(() => undefined);
    expect(await moved(name, { ...failed, db_operation_name: "SELECT" }, ask)).toBe(1);
    const within = () => integration.neon.transaction((transaction) => transaction.query(bad)).catch(() => undefined);
    expect(await moved(name, { ...failed, db_operation_name: "SELECT" }, within)).toBe(1);
    const all = async () => {
      for await (const _row of integration.neon.stream(bad));
    };
    expect(await moved(name, failed, () => all().catch(() => undefined))).toBe(1);
    const twice = { user_id: "4b6f1e2a-0000-4000-8000-000000000000", name: null };
    const insert = () => integration.neon.bulkInsert("user_workflows", [twice]).catch(() => undefined);
    expect(await moved(name, { db_operation_name: "INSERT", error_type: "23502" }, insert)).toBe(1);
    stack.faults.inject("neon", { kind: "reset" });
    const lost = { db_operation_name: "SELECT", error_type: "NETWORK" };
    expect(await moved(name, lost, () => integration.neon.query`select 1`)).toBe(1);
  });

  it("gen_ai.client.operation.duration: an operation that failed, with its model", async () => {
    const name = "gen_ai_client_operation_duration_seconds_count";
    const ollama = { gen_ai_provider_name: "ollama", gen_ai_request_model: "no-such-model", error_type: "NOT_FOUND" };
    const model = "no-such-model";
    const embed = () => integration.ollama.embed(["a house"], { model }).catch(() => undefined);
    expect(await moved(name, { ...ollama, gen_ai_operation_name: "embeddings" }, embed)).toBe(1);
    const chat = () =>
      integration.ollama.chat({ messages: [{ role: "user", content: "hello" }], model }).catch(() => undefined);
    expect(await moved(name, { ...ollama, gen_ai_operation_name: "chat" }, chat)).toBe(1);
  });

  it("neon_connection_pool_usage, in percent: connections that are held, and given back", async () => {
    const tcp = await connected({ NEON_TRANSPORT: "tcp", NEON_POOL_SIZE: "4" });
    const usage = () => valueOf("neon_connection_pool_usage", {}, tcp);
    await tcp.neon.transaction(async (tx) => {
      await tx.query`select 1`;
      await expect.poll(usage).toBe(25);
    });
    await expect.poll(usage).toBe(0);
    expect(valueOf("db_client_connection_max", {}, tcp)).toBe(4);
    expect(valueOf("db_client_connection_use_time_seconds_count", {}, tcp)).toBe(1);
  });

  it("neon_error_rate: failures among recent calls, once there are enough", async () => {
    const other = await connected();
    for (let i = 0; i < 9; i += 1) await other.neon.query`select 1`;
    expect(valueOf("neon_error_rate", {}, other)).toBeUndefined();
    await expect(other.neon.query`select no_such_column`).rejects.toThrow();
    expect(valueOf("neon_error_rate", {}, other)).toBe(0.1);
  });

  it("supabase_auth_success_rate and active_users: sign-ups, sign-ins and tokens", async () => {
    const other = await connected();
    const { auth } = other.supabase;
    for (const name of ["ann", "bob"]) await auth.signUp(person(name));
    const { session } = await auth.signIn(person("ann"));
    for (let i = 0; i < 5; i += 1) await auth.verify(session.accessToken);
    for (let i = 0; i < 2; i += 1) await expect(auth.verify("no.such.token")).rejects.toThrow();
    expect(valueOf("supabase_auth_success_rate", {}, other)).toBe(0.8);
    expect(valueOf("active_users", {}, other)).toBe(2);
  });

  it("supabase_storage_usage: uploads, removals, and a count of what is there", async () => {
    const { storage } = integration.supabase;
    await storage.ensureBucket({ name: "feeds", public: false });
    const bucket = { bucket: "feeds" };
    const upload = (path: string, size: number) => storage.upload({ ...bucket, path, body: new Uint8Array(size) });
    expect(await moved("supabase_storage_usage", bucket, () => upload("a.bin", 700))).toBe(700);
    expect(await moved("supabase_storage_usage", bucket, () => upload("deep/er/b.bin", 300))).toBe(300);
    expect(await moved("supabase_storage_usage", bucket, () => storage.remove({ ...bucket, paths: ["a.bin"] }))).toBe(
      -700,
    );
    integration.monitoring.recordMetric("supabase_storage_usage", 12345, bucket);
    expect(await storage.usage(bucket)).toEqual({ objects: 1, bytes: 300 });
    expect(valueOf("supabase_storage_usage", bucket)).toBe(300);
  });

  it("supabase_realtime_connections: channels that are joined, of every client", async () => {
    const server = phoenix();
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const other = await connected({ SUPABASE_URL: url });
    const channel = other.supabase.admin.channel("room");
    channel.subscribe();
    const joined = () => valueOf("supabase_realtime_connections", {}, other);
    await expect.poll(joined).toBe(1);
    const mine = other.supabase.forUser("a.b.c");
    mine.channel("other room").subscribe();
    await expect.poll(joined).toBe(2);
    // A line that breaks takes its channels along; the vendor's client joins them again by itself.
    const lost: unknown[] = [];
    other.events.on("realtime.changed", ({ connections }) => lost.push(connections));
    for (const socket of server.clients) socket.terminate();
    await expect.poll(() => lost, { timeout: 20_000 }).toEqual([1, 0, 1, 2]);
    await expect.poll(joined).toBe(2);
    await mine.removeAllChannels();
    await other.supabase.admin.removeChannel(channel);
    expect(joined()).toBe(0);
    for (const socket of server.clients) socket.terminate();
    server.close();
  });

  it("mcp_requests_total, listings_scraped, workflows_completed, models and HTTP: one tool call", async () => {
    await using session = await sdks[0]!.connect((server) => registerTools(server, integration, {}));
    const scrape = () => session.call("scrape_listings", { url: stack.siteUrl, source: "feeds", maxPages: 1 });
    const before = valueOf("listings_scraped") ?? 0;
    const workflows = valueOf("workflows_completed") ?? 0;
    expect(await moved("mcp_requests_total", { tool: "scrape_listings", outcome: "ok" }, scrape)).toBe(1);
    expect((valueOf("listings_scraped") ?? 0) - before).toBe(4);
    expect((valueOf("workflows_completed") ?? 0) - workflows).toBe(1);
    expect(valueOf("mcp_request_duration_seconds_count")).toBe(1);
    const embeddings = { gen_ai_operation_name: "embeddings", gen_ai_provider_name: "ollama" };
    expect(valueOf("gen_ai_client_operation_duration_seconds_count", embeddings)).toBeGreaterThan(0);
    expect(valueOf("gen_ai_client_token_usage_sum", { gen_ai_token_type: "input" })).toBeGreaterThan(0);
    const requests = { http_request_method: "POST", server_address: "127.0.0.1", http_response_status_code: "200" };
    expect(valueOf("http_client_request_duration_seconds_count", requests)).toBeGreaterThan(0);
  });

  it("mcp_error_rate: tools that failed among recent ones", async () => {
    const dead = await connected({ NEON_CONNECTION_STRING: "postgresql://a:b@127.0.0.1:9/x", NEON_TRANSPORT: "tcp" });
    await using session = await sdks[0]!.connect((server) => registerTools(server, dead, {}));
    for (let i = 0; i < 10; i += 1) await session.call("search_listings", { text: "a house" });
    expect(valueOf("mcp_error_rate", {}, dead)).toBe(1);
  });
});

/** As much of Supabase Realtime as a channel needs: every message is answered with ok. */
function phoenix(): WebSocketServer {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) =>
    socket.on("message", (data: Buffer) => {
      const message: unknown = JSON.parse(data.toString("utf8"));
      const payload = { status: "ok", response: {} };
      if (Array.isArray(message)) {
        const [joinRef, ref, topic] = message as unknown[];
        socket.send(JSON.stringify([joinRef, ref, topic, "phx_reply", payload]));
      } else socket.send(JSON.stringify({ ...(message as object), event: "phx_reply", payload }));
    }),
  );
  return server;
}
