import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ConnectionPoolManager } from "../../../src/clients/connection-pool-manager.ts";
import { NeonClient, type NeonClientOptions } from "../../../src/clients/neon/index.ts";
import { EventBus } from "../../../src/core/index.ts";
import { createPipeline, type Pipeline } from "../../../src/resilience/index.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startCuttingProxy, type CuttingProxy } from "./support/cutting-proxy.ts";

let database: TestDatabase;
let proxy: CuttingProxy;
let pools: ConnectionPoolManager;
let clock: ManualClock;
let runner: Pipeline;
let neon: NeonClient;
let sent: string[];

const make = (options: NeonClientOptions = {}) => {
  const events = new EventBus();
  events.on("query.finished", ({ statement }) => sent.push(statement));
  return new NeonClient({ pools, runner, events, ...options });
};
const counting = "select count(*)::int as n from things";
const read = async (client = neon, cache: object | true = true) =>
  (await client.query<{ n: number }>(counting, [], { cache, name: "read" }))[0]!.n;

beforeAll(async () => {
  database = await createDatabase();
  await database.admin("create table things (id int primary key, at timestamptz); create table others (id int)");
  await database.admin("create view seen as select * from things");
  const server = new URL(database.connectionString);
  proxy = await startCuttingProxy({ host: server.hostname, port: Number(server.port || 5432) });
});
beforeEach(async () => {
  await database.admin("truncate things, others");
  const url = new URL(database.connectionString);
  url.host = `127.0.0.1:${proxy.port}`;
  pools = new ConnectionPoolManager({ connectionString: url.toString(), max: 3 });
  clock = new ManualClock();
  runner = createPipeline({ clock, services: { neon: { maxAttempts: 1 } } });
  sent = [];
  neon = make({ queryCache: { ttlMs: 1_000, staleIfErrorMs: 5_000 } });
});
afterEach(async () => {
  proxy.cut(/$^/, "before", 0);
  await pools.close();
});
afterAll(async () => {
  await proxy.close();
  await database.drop();
});

describe("a read that asks to be cached", () => {
  it("is sent once while it is fresh, and says where its answer came from", async () => {
    const first = await neon.query(counting, [], { cache: true });
    expect(first.meta).toMatchObject({ attempts: 1 });
    expect(first.meta).not.toHaveProperty("cached");
    await clock.advance(999);
    const second = await neon.query(counting, [], { cache: true });
    expect(second).toEqual([{ n: 0 }]);
    expect(second.meta).toMatchObject({ cached: "fresh", ageMs: 999 });
    expect(second.rowCount).toBe(1);
    await clock.advance(2);
    expect((await neon.query(counting, [], { cache: true })).meta).not.toHaveProperty("cached");
    expect(sent).toHaveLength(2);
  });

  it("is sent each time without the option, without the pipeline, and where the cache is off", async () => {
    await neon.query(counting);
    await neon.query(counting, [], { cache: false });
    await read(make({ queryCache: false }));
    await read(make({ queryCache: false }));
    const bare = make({ runner: undefined });
    await read(bare);
    await read(bare);
    expect(sent).toHaveLength(6);
  });

  it("takes the call's own time over the client's", async () => {
    await read(neon, { ttlMs: 10 });
    await clock.advance(11);
    await read(neon, { ttlMs: 10 });
    expect(sent).toHaveLength(2);
  });

  it("shares no answer between other texts, parameters or databases", async () => {
    const ask = (params: readonly unknown[]) => neon.query("select $1::text as v", params, { cache: true });
    const values = ["1", 1n, null, "null", ["1"], Buffer.from("1"), { a: 1 }, '{"a":1}', Number.NaN, new Date(0)];
    for (const value of values) await ask([value]);
    expect(sent).toHaveLength(values.length);
    for (const value of values) await ask([value]);
    expect(sent).toHaveLength(values.length);
    const other = await createDatabase();
    const elsewhere = new NeonClient({ connectionString: other.connectionString, runner });
    await expect(read(elsewhere)).rejects.toMatchObject({ sqlState: "42P01" });
    await elsewhere.close();
    await other.drop();
  });

  it("gives each caller rows of their own", async () => {
    const rows = await neon.query<{ n: number }>(counting, [], { cache: true });
    rows[0]!.n = 99;
    rows.pop();
    expect(await neon.query(counting, [], { cache: true })).toEqual([{ n: 0 }]);
  });

  it("is answered once for all who ask at the same time", async () => {
    expect(await Promise.all(Array.from({ length: 10 }, () => read()))).toEqual(Array(10).fill(0));
    expect(sent).toHaveLength(1);
  });
});

describe("a write through the same client", () => {
  it.each<readonly [string, (client: NeonClient) => Promise<unknown>]>([
    ["query", (c) => c.query`insert into things values (1)`],
    ["query with a schema", (c) => c.query('insert into "public"."things" values (1)')],
    [
      "a common table expression",
      (c) => c.query`with x as (insert into things values (1) returning 1) select * from x`,
    ],
    ["batch", (c) => c.batch([c.sql`select 1`, c.sql`insert into things values (1)`])],
    ["bulkInsert", (c) => c.bulkInsert("public.things", [{ id: 1 }])],
    ["transaction", (c) => c.transaction((tx) => tx.query`insert into things values (1)`)],
    ["bulkInsert in a transaction", (c) => c.transaction((tx) => tx.bulkInsert("things", [{ id: 1 }]))],
    ["the pool of a transaction", (c) => c.transaction((tx) => tx.pool.query("insert into things values (1)"))],
    ["a text that tells no table", (c) => c.query("do $$ begin insert into things values (1); end $$")],
  ])("makes reads of its table forgotten: %s", async (_name, write) => {
    expect(await read()).toBe(0);
    await write(neon);
    expect(await read()).toBe(1);
  });

  it("leaves reads of other tables alone, and does as much when it fails", async () => {
    await read();
    await neon.query`insert into others values (1)`;
    await neon.query`insert into others values (2)`;
    await read();
    expect(sent.filter((name) => name === "read")).toHaveLength(1);
    await expect(neon.query`insert into things values (1), (1)`).rejects.toMatchObject({ code: "CONFLICT" });
    await read();
    expect(sent.filter((name) => name === "read")).toHaveLength(2);
  });

  it("reaches what no table names by tag, or by hand", async () => {
    const view = async () =>
      (await neon.query<{ n: number }>("select count(*)::int as n from seen", [], { cache: { tags: ["things"] } }))[0]!
        .n;
    expect(await view()).toBe(0);
    await neon.query`insert into things values (1)`;
    expect(await view()).toBe(1);
    await database.admin("insert into things values (2)");
    expect(await view()).toBe(1);
    neon.forget("things");
    expect(await view()).toBe(2);
    await database.admin("insert into things values (3)");
    neon.forget();
    expect(await view()).toBe(3);
  });

  it("is not undone by a read that was under way", async () => {
    const slow = neon.query<{ n: number }>("select count(*)::int as n from things, pg_sleep(0.2)", [], {
      cache: true,
      idempotent: true,
    });
    const running =
      "select from pg_stat_activity where query like '%from things, pg_sleep%' and pid <> pg_backend_pid()";
    while ((await database.admin(running)).length === 0);
    await neon.query`insert into things values (1)`;
    const after = await neon.query<{ n: number }>("select count(*)::int as n from things, pg_sleep(0.2)", [], {
      cache: true,
      idempotent: true,
    });
    expect(after[0]!.n).toBe(1);
    expect((await slow)[0]!.n).toBe(0);
  });
});

describe("while the database is away", () => {
  it("a read that asked to be cached is answered with what was known, and says so; others fail", async () => {
    await read();
    await clock.advance(1_500);
    proxy.cut(/select/, "before", 1_000);
    const old = await neon.query(counting, [], { cache: true });
    expect(old).toEqual([{ n: 0 }]);
    expect(old.meta).toMatchObject({ cached: "stale", degraded: "network", ageMs: 1_500 });
    await expect(neon.query(counting)).rejects.toMatchObject({ code: "NETWORK" });
    await clock.advance(5_000);
    await expect(read()).rejects.toMatchObject({ code: "NETWORK" });
  });

  it("writes are refused in read-only mode, with the reason, and reads are not", async () => {
    runner.setMode("neon", "read-only", "the primary is being restored");
    const refused = { code: "READ_ONLY", message: expect.stringContaining("the primary is being restored") };
    await expect(neon.query`insert into things values (1)`).rejects.toMatchObject(refused);
    await expect(neon.query("insert into things values (1)", [], { idempotent: true })).rejects.toMatchObject(refused);
    await expect(neon.bulkInsert("things", [{ id: 1 }], { idempotent: true })).rejects.toMatchObject(refused);
    await expect(neon.transaction(async () => undefined)).rejects.toMatchObject(refused);
    await expect(neon.batch([neon.sql`delete from things`], { idempotent: true })).rejects.toMatchObject(refused);
    await expect(neon.migrate({ embeddingDimensions: 4 })).rejects.toMatchObject(refused);
    expect(await neon.query(counting)).toEqual([{ n: 0 }]);
    expect(await neon.query("select pg_advisory_unlock_all()", [], { idempotent: true })).toHaveLength(1);
    expect(await neon.transaction((tx) => tx.query(counting), { readOnly: true })).toEqual([{ n: 0 }]);
    for await (const row of neon.stream(counting)) expect(row).toEqual({ n: 0 });
  });
});

describe("what cannot be cached", () => {
  it("is refused: writes, unknown functions, reads of a transaction, times that are none", async () => {
    const refused = { code: "INVALID_INPUT", message: expect.stringContaining("for reads") };
    await expect(neon.query("delete from things", [], { cache: true })).rejects.toMatchObject(refused);
    await expect(neon.query("delete from things", [], { cache: true, idempotent: true })).rejects.toMatchObject(
      refused,
    );
    await expect(neon.query("select unknown_fn()", [], { cache: true })).rejects.toMatchObject(refused);
    await expect(neon.transaction((tx) => tx.query(counting, [], { cache: true }))).rejects.toMatchObject(refused);
    expect(() => make({ queryCache: { ttlMs: -1 } })).toThrow(/queryCache.ttlMs must be at least 0/);
  });
});
