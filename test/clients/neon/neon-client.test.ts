import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { EventBus, type Logger, silentLogger } from "../../../src/core/index.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
let neon: NeonClient;
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

beforeAll(async () => {
  database = await createDatabase();
  neon = new NeonClient({ connectionString: database.connectionString });
});
afterAll(async () => {
  await neon.close();
  await database.drop();
});

describe("NeonClient's construction", () => {
  it("wants a connection string or a pool, and sound options", () => {
    expect(() => new NeonClient({})).toThrow(/connectionString or pools/);
    expect(() => new NeonClient({ connectionString: database.connectionString, maxRows: 0 })).toThrow(
      /maxRows .* from 1, got 0/,
    );
    expect(
      () => new NeonClient({ connectionString: database.connectionString, directConnectionString: "nonsense" }),
    ).toThrow(/directConnectionString is not a URL/);
  });

  it("leaves a shared pool open, and closes one of its own", async () => {
    const pools = new ConnectionPoolManager({ connectionString: database.connectionString });
    const sharing = new NeonClient({ pools });
    expect(await sharing.query`select 1 as one`).toEqual([{ one: 1 }]);
    expect(sharing.pool).toBe(pools.pool);
    await sharing.close();
    (await pools.connect()).release();
    await pools.close();
    const owning = new NeonClient({ connectionString: database.connectionString });
    await owning.close();
    await expect(owning.query`select 1`).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("refuses arguments that are not a statement", async () => {
    await expect(neon.query(7 as never)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(neon.query("select 1", { signal: undefined } as never)).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("third"),
    });
    expect(() => neon.identifier("")).toThrow(/at least one character/);
  });

  it("logs the text of statements when asked, and of their parameters types and lengths alone", async () => {
    const lines: unknown[] = [];
    const logger: Logger = { ...silentLogger, debug: (fields) => void lines.push(fields) };
    const logging = new NeonClient({ connectionString: database.connectionString, logger, sqlLogging: true });
    await logging.query`select ${"hush"}::text as v, ${4711}::int as n`;
    expect(lines).toEqual([
      expect.objectContaining({
        text: "select $1::text as v, $2::int as n",
        params: ["text(4)", "number"],
        rows: 1,
      }),
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/hush|4711/);
    await logging.close();
  });
});

describe("a database that refuses writes", () => {
  it("turns the pool's mode to read-only, refuses writes with the reason, and is found to take them again", async () => {
    await neon.query("create table switch (n int)");
    const events = new EventBus();
    const modes: string[] = [];
    events.on("pool.mode_changed", ({ mode }) => modes.push(mode));
    const pools = new ConnectionPoolManager({ connectionString: database.connectionString, max: 1, events });
    const watched = new NeonClient({ pools });
    await watched.query("set default_transaction_read_only = on");
    await expect(watched.query`insert into switch values (1)`).rejects.toMatchObject({
      code: "READ_ONLY",
      sqlState: "25006",
    });
    expect(await watched.health()).toMatchObject({ status: "degraded", mode: "read-only" });
    await expect(watched.query`insert into switch values (1)`).rejects.toMatchObject({
      code: "READ_ONLY",
      message: expect.stringContaining("takes no writes now"),
    });
    await watched.query`select 1`;
    expect(modes).toEqual(["read-only"]);
    await watched.pool.query("set default_transaction_read_only = off");
    while (pools.mode !== "read-write") await new Promise((resolve) => setImmediate(resolve));
    expect(modes).toEqual(["read-only", "read-write"]);
    await watched.query`insert into switch values (1)`;
    await expect(
      watched.transaction((tx) => tx.query`insert into switch values (1)`, { readOnly: true }),
    ).rejects.toMatchObject({ code: "READ_ONLY" });
    expect(pools.mode).toBe("read-write"); // the caller's own wish says nothing about the database
    await pools.close();
  });
});

describe("listen", () => {
  it("hears each channel's notifications, until it is closed", async () => {
    const heard: string[] = [];
    const first = await neon.listen('odd "channel', (payload) => heard.push(`first ${payload}`));
    const second = await neon.listen("plain", (payload) => heard.push(`second ${payload}`));
    await neon.query("select pg_notify('odd \"channel', 'a'), pg_notify('plain', 'b')");
    await until(() => heard.length === 2);
    await first.close();
    await first.close();
    await neon.query("select pg_notify('odd \"channel', 'c'), pg_notify('plain', 'd')");
    await until(() => heard.length === 3);
    expect(heard).toEqual(["first a", "second b", "second d"]);
    await second.close();
  });

  it("listens again on a new connection after a kill, and tells of the gap", async () => {
    const heard: string[] = [];
    let gaps = 0;
    const listening = new NeonClient({
      connectionString: database.connectionString,
      random: { next: () => 0 },
      applicationName: "listener",
    });
    await listening.listen("news", () => {
      throw new Error("a subscriber's own trouble");
    });
    const caller = new AbortController();
    await listening.listen("news", (payload) => heard.push(payload), {
      onGap: () => (gaps += 1),
      signal: caller.signal,
    });
    await database.admin("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listener'");
    await until(() => gaps === 1);
    await neon.query("select pg_notify('news', 'after')");
    await until(() => heard.length === 1);
    expect(heard).toEqual(["after"]);
    caller.abort();
    await neon.query("select pg_notify('news', 'unheard')");
    await listening.close();
    expect(heard).toEqual(["after"]);
    expect(
      await database.admin("select from pg_stat_activity where application_name = 'listener' and state <> 'idle'"),
    ).toEqual([]);
  });

  it("loses no subscription to several kills in a row, and tells of each gap", async () => {
    const heard: string[] = [];
    let gaps = 0;
    const { connectionString } = database;
    const options = { random: { next: () => 0 }, applicationName: "often killed" };
    const listening = new NeonClient({ connectionString, ...options });
    for (const channel of ["one", "two"])
      await listening.listen(channel, (payload) => heard.push(payload), { onGap: () => (gaps += 1) });
    for (let kill = 1; kill <= 3; kill += 1) {
      await database.admin(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'often killed'",
      );
      await until(() => gaps === 2 * kill);
      await neon.query("select pg_notify('one', $1), pg_notify('two', $2)", [`a${kill}`, `b${kill}`]);
      await until(() => heard.length === 2 * kill);
    }
    expect(heard).toEqual(["a1", "b1", "a2", "b2", "a3", "b3"]);
    expect(gaps).toBe(6);
    await listening.close();
  });

  it("rejects when the first connection fails", async () => {
    const nowhere = new NeonClient({ connectionString: "postgresql://u:p@127.0.0.1:1/db" });
    await expect(nowhere.listen("x", () => undefined)).rejects.toMatchObject({ code: "NETWORK", operation: "listen" });
    await nowhere.close();
  });
});

describe("migrate", () => {
  it("applies each file once, though ten start at the same time", async () => {
    const directory = await mkdtemp(join(tmpdir(), "ei-migrations-"));
    for (let version = 1; version <= 3; version += 1)
      await writeFile(
        join(directory, `000${version}_step.sql`),
        `create table step_${version} (id int); select pg_sleep(0.02); insert into step_${version} values (1);`,
      );
    const clients = Array.from({ length: 10 }, () => new NeonClient({ connectionString: database.connectionString }));
    const results = await Promise.all(clients.map((client) => client.migrate({ directory })));
    for (const file of ["0001_step.sql", "0002_step.sql", "0003_step.sql"]) {
      expect(results.filter(({ applied }) => applied.includes(file))).toHaveLength(1);
      expect(results.filter(({ skipped }) => skipped.includes(file))).toHaveLength(9);
    }
    expect(await database.admin("select count(*)::int as n from enhanced_integration_migrations")).toEqual([{ n: 3 }]);
    await Promise.all(clients.map((client) => client.close()));
    await rm(directory, { recursive: true });
  });

  it("says which extension is missing on a server without pgvector", async () => {
    const other = await createDatabase();
    const [{ found } = { found: true }] = await other.admin<{ found: boolean }>(
      "select exists (select from pg_available_extensions where name = 'vector') as found",
    );
    const client = new NeonClient({ connectionString: other.connectionString, embeddingDimensions: 8 });
    const migrating = client.migrate();
    if (found) expect((await migrating).applied).toContain("0002_listings.sql");
    else
      await expect(migrating).rejects.toMatchObject({
        code: "CONFIG_INVALID",
        message: expect.stringContaining('extension "vector"'),
      });
    await client.close();
    await other.drop();
  });
});
