import { Client, neon } from "@neondatabase/serverless";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FaultPlan } from "../../../src/local/faults.ts";
import { type NeonStandIn } from "../../../src/local/neon/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { poolOf, rejection, start, until } from "./support.ts";

let db: NeonStandIn;
let faults: FaultPlan;
const clock = new ManualClock();

beforeAll(async () => {
  ({ db, faults } = await start({ clock }));
});
afterEach(async () => {
  faults.clear();
  await until(() => db.stats().sessions === 0);
});
afterAll(() => db.close());

async function connect(): Promise<Client> {
  const client = new Client(db.connectionString);
  client.on("error", () => undefined);
  await client.connect();
  return client;
}
/** Cuts the connection as a crash of the client would. */
const crash = (client: Client) =>
  (client as unknown as { connection: { stream: { ws: { terminate(): void } } } }).connection.stream.ws.terminate();

describe("the Neon driver over WebSocket", () => {
  it("answers a pool, and lets it end", async () => {
    const pool = poolOf(db.connectionString);
    expect((await pool.query("select $1::int as n, current_user as who", [7])).rows).toEqual([{ n: 7, who: "neon" }]);
    await pool.end();
  });

  it("answers ten clients with 200 parameter queries each, everyone with its own answers", async () => {
    const pool = poolOf(db.connectionString, 10);
    const client = async (id: number) => {
      const one = await pool.connect();
      for (let n = 0; n < 200; n++) {
        const { rows } = await one.query("select $1::int as id, $2::text as n", [id, `${n}`]);
        if (rows[0].id !== id || rows[0].n !== `${n}`) throw new Error(`client ${id} got ${JSON.stringify(rows)}`);
      }
      one.release();
    };
    await Promise.all(Array.from({ length: 10 }, (_, id) => client(id)));
    await pool.end();
    expect(db.stats().waiting).toBe(0);
  });

  it("keeps statements of the same name apart", async () => {
    const [one, two] = await Promise.all([connect(), connect()]);
    const long = "x".repeat(60);
    for (const name of ["lookup", long, long]) {
      const results = await Promise.all([
        one.query({ name, text: "select 'one' as who, $1::int as n", values: [1] }),
        two.query({ name, text: "select 'two' as who", values: [] }),
      ]);
      expect(results.map(({ rows }) => rows[0].who)).toEqual(["one", "two"]);
    }
    await Promise.all([one.end(), two.end()]);
  });

  it("forgets a client's statements when it goes", async () => {
    const [one, two] = await Promise.all([connect(), connect()]);
    await one.query({ name: "mine", text: "select 1" });
    await one.end();
    await until(() => db.stats().sessions === 1);
    expect((await two.query("select count(*)::int as n from pg_prepared_statements")).rows).toEqual([{ n: 0 }]);
    await two.end();
  });

  it("isolates an interactive transaction: others wait, and see all or nothing", async () => {
    const [writer, reader] = await Promise.all([connect(), connect()]);
    await writer.query("create table ledger (n int)");
    await writer.query("begin");
    await writer.query("insert into ledger values (1)");
    const seen = reader.query("select count(*)::int as n from ledger");
    await until(() => db.stats().waiting === 1);
    await writer.query("insert into ledger values (2)");
    await writer.query("commit");
    expect((await seen).rows).toEqual([{ n: 2 }]);
    await Promise.all([writer.end(), reader.end()]);
  });

  it("reports errors with their state, and a failed transaction as PostgreSQL does", async () => {
    const client = await connect();
    await client.query("begin");
    expect(await rejection(client.query("select * from nowhere"))).toMatchObject({ code: "42P01" });
    expect(await rejection(client.query("select 1"))).toMatchObject({ code: "25P02" });
    await client.query("rollback");
    expect((await client.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
    await client.end();
  });

  it("rejects a wrong password with 28P01", async () => {
    const client = new Client(db.connectionString.replace(/neon:[^@]*@/, "neon:guess@"));
    client.on("error", () => undefined);
    await client.connect();
    expect(await rejection(client.query("select 1"))).toMatchObject({ code: "28P01" });
  });

  it("takes back what a client had open when it dies, and lets the others go on", async () => {
    const [dying, other] = await Promise.all([connect(), connect()]);
    await other.query("create table witnessed (n int)");
    await dying.query("begin");
    await dying.query("insert into witnessed values (1)");
    const seen = other.query("select count(*)::int as n from witnessed");
    await until(() => db.stats().waiting === 1);
    crash(dying);
    expect((await seen).rows).toEqual([{ n: 0 }]);
    await other.end();
  });

  it("ends a client that sits in a transaction, and rolls it back", async () => {
    const [idle, other] = await Promise.all([connect(), connect()]);
    await other.query("create table waited (n int)");
    await idle.query("begin");
    await idle.query("insert into waited values (1)");
    const told = new Promise<Error>((resolve) => idle.once("error", resolve));
    const seen = other.query("select count(*)::int as n from waited");
    await until(() => db.stats().waiting === 1);
    await clock.advance(9_999);
    expect(db.stats().waiting).toBe(1);
    await clock.advance(1);
    expect((await seen).rows).toEqual([{ n: 0 }]);
    expect(await told).toMatchObject({ code: "25P03" });
    await other.end();
  });

  it("delivers notifications to those who listen, each from the one who sent it", async () => {
    const [alice, bob, carol] = await Promise.all([connect(), connect(), connect()]);
    const heard: string[] = [];
    for (const [name, client] of Object.entries({ alice, bob, carol }))
      client.on("notification", ({ channel, payload }) => heard.push(`${name} ${channel} ${payload}`));
    await alice.query("listen news");
    await bob.query('LISTEN "Mixed Case"; listen news -- and a comment; listen nothing');
    await carol.query("notify news, 'from carol'");
    await until(() => heard.length === 2);
    expect(heard.sort()).toEqual(["alice news from carol", "bob news from carol"]);
    heard.length = 0;
    await alice.query("unlisten news");
    await carol.query("select pg_notify('news', 'two'), pg_notify('Mixed Case', 'x'), pg_notify('nothing', 'y')");
    await until(() => heard.length === 2);
    expect(heard.sort()).toEqual(["bob Mixed Case x", "bob news two"]);
    await Promise.all([alice.end(), bob.end(), carol.end()]);
  });

  it("listens from the commit on, and not after a rollback", async () => {
    const client = await connect();
    const heard: string[] = [];
    client.on("notification", ({ channel, payload }) => heard.push(`${channel} ${payload}`));
    await client.query("begin");
    await client.query("listen undone");
    await client.query("rollback");
    await client.query("begin");
    await client.query("listen done");
    await client.query("notify done, 'inside'");
    await client.query("commit");
    await client.query("notify undone");
    await client.query("notify done, 'after'");
    await until(() => heard.length === 2);
    expect(heard).toEqual(["done inside", "done after"]);
    await client.end();
  });

  it("keeps the settings of each client its own", async () => {
    const [one, two] = await Promise.all([connect(), connect()]);
    await one.query("set statement_timeout = '5s'; set role authenticated");
    await one.query("set app.tenant = 'one'");
    const ask =
      "select current_setting('statement_timeout') as t, current_user as who, current_setting('app.tenant', true) as tenant";
    expect((await two.query(ask)).rows[0]).toMatchObject({ t: "0", who: "neon" });
    expect((await two.query(ask)).rows[0].tenant).not.toBe("one");
    expect((await one.query(ask)).rows).toEqual([{ t: "5s", who: "authenticated", tenant: "one" }]);
    await Promise.all([one.end(), two.end()]);
  });

  it("keeps a client that became another user from taking the others along", async () => {
    const [one, two] = await Promise.all([connect(), connect()]);
    await one.query("set session authorization anon");
    expect((await two.query("select session_user, current_user")).rows).toEqual([
      { session_user: "neon", current_user: "neon" },
    ]);
    expect((await one.query("select session_user")).rows).toEqual([{ session_user: "anon" }]);
    await Promise.all([one.end(), two.end()]);
    await until(() => db.stats().sessions === 0);
    expect(await neon(db.connectionString)`select session_user`).toEqual([{ session_user: "neon" }]);
  });

  it("applies the settings that a client connects with", async () => {
    const client = new Client({
      connectionString: db.connectionString,
      application_name: "mine",
      statement_timeout: 4321,
    });
    await client.connect();
    const { rows } = await client.query(
      "select current_setting('application_name') a, current_setting('statement_timeout') t",
    );
    expect(rows).toEqual([{ a: "mine", t: "4321ms" }]);
    await client.end();
  });

  it("carries a row of 5 MB in both directions", async () => {
    const client = await connect();
    const { rows } = await client.query("select $1::text as back, length($1) as n", ["é".repeat(2_500_000)]);
    expect(rows[0]).toEqual({ back: "é".repeat(2_500_000), n: 2_500_000 });
    await client.end();
  });
});

describe("faults under the driver's WebSocket", () => {
  it("refuses the upgrade", async () => {
    faults.inject("neon", { kind: "status", status: 503 }, { match: /^GET \/v2/ });
    const client = new Client(db.connectionString);
    client.on("error", () => undefined);
    expect((await rejection(client.connect())).message).toContain("503");
    faults.inject("neon", { kind: "reset" }, { match: /^GET \/v2/ });
    const cut = new Client(db.connectionString);
    cut.on("error", () => undefined);
    expect((await rejection(cut.connect())).message).toMatch(/hang up|reset/i);
  });

  it("loses the answer to a COMMIT that happened", async () => {
    const client = await connect();
    await client.query("create table committed (n int)");
    faults.inject("neon", { kind: "reset", phase: "after" }, { match: /^WS query commit/i });
    await client.query("begin");
    await client.query("insert into committed values (1)");
    expect((await rejection(client.query("COMMIT"))).message).toContain("terminated");
    expect(await neon(db.connectionString)`select n from committed`).toEqual([{ n: 1 }]);
  });

  it("cuts before the statement, answers late, answers never, and refuses as a full server would", async () => {
    const sql = neon(db.connectionString);
    await sql`create table cut (n int)`;
    const attempt = async (fault: Parameters<FaultPlan["inject"]>[1]) => {
      const client = await connect();
      await client.query("select 1");
      faults.inject("neon", fault, { match: /^WS query/ });
      return { client, answer: client.query("insert into cut values (1) returning n") };
    };
    expect((await rejection((await attempt({ kind: "reset" })).answer)).message).toContain("terminated");
    expect(await rejection((await attempt({ kind: "status", status: 429 })).answer)).toMatchObject({ code: "53300" });
    const stalled = await attempt({ kind: "stall" });
    stalled.answer.catch(() => undefined);
    expect(await sql`select count(*)::int as n from cut`).toEqual([{ n: 0 }]);
    crash(stalled.client);
    const late = await attempt({ kind: "latency", ms: 500 });
    const timers = clock.pendingTimers;
    await until(() => clock.pendingTimers > timers);
    await clock.advance(500);
    expect((await late.answer).rows).toEqual([{ n: 1 }]);
    await late.client.end();
  });
});
