import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type NeonClient, type Transaction, type UserClaims } from "../../../../src/clients/neon/index.ts";
import { type MigratedDatabase } from "./row-level-security-contract.ts";

interface Workflow {
  readonly id: string;
  readonly user_id: string;
  readonly name: string;
}

const text = "select id, user_id, name from user_workflows";

async function collected<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

/** Every way to read inside asUser. */
const reads: Readonly<Record<string, (tx: Transaction) => Promise<readonly Workflow[]>>> = {
  query: (tx) => tx.query<Workflow>(text),
  stream: async (tx) => collected(tx.stream<Workflow>(text, [], { batchRows: 1 })),
  "a savepoint": (tx) => tx.transaction((inner) => inner.query<Workflow>(text)),
  "a savepoint within a savepoint": (tx) =>
    tx.transaction((inner) => inner.transaction((innermost) => innermost.query<Workflow>(text))),
  "a stream within a savepoint": (tx) => tx.transaction((inner) => collected(inner.stream<Workflow>(text))),
  "what follows a savepoint that was undone": async (tx) => {
    await tx.transaction(() => Promise.reject(new Error("undone"))).catch(() => undefined);
    return tx.query<Workflow>(text);
  },
  "what follows a statement that failed in a savepoint": async (tx) => {
    await tx.transaction((inner) => inner.query("select nothing from user_workflows")).catch(() => undefined);
    return tx.query<Workflow>(text);
  },
  "the pool given to query builders": async (tx) => (await tx.pool.query<Workflow>(text)).rows,
  "a transaction of a query builder": async (tx) => {
    const client = await tx.pool.connect();
    await client.query("begin");
    const { rows } = await client.query<Workflow>(text);
    await client.query("commit");
    client.release();
    return rows;
  },
};

/** Every way to send a statement inside asUser; with the number of rows that it changed. */
const sends: Readonly<Record<string, (tx: Transaction, statement: string, params: unknown[]) => Promise<number>>> = {
  query: async (tx, statement, params) => (await tx.query(statement, params)).rowCount,
  "a savepoint": (tx, statement, params) =>
    tx.transaction(async (inner) => (await inner.query(statement, params)).rowCount),
  "the pool given to query builders": async (tx, statement, params) =>
    (await tx.pool.query(statement, params)).rowCount ?? 0,
};

/** What one user cannot do to another's rows, whichever method they are handed to. */
export function describeForeignRows(name: string, start: () => Promise<MigratedDatabase>): void {
  describe(`another user's rows over ${name}`, () => {
    const alice: UserClaims & { sub: string } = { sub: randomUUID() };
    const bob: UserClaims & { sub: string } = { sub: randomUUID() };
    const forbidden = { code: "FORBIDDEN", sqlState: "42501" };
    let database: MigratedDatabase;
    let neon: NeonClient;
    let theirs: Workflow;
    const asAlice = <T>(fn: (tx: Transaction) => Promise<T>) => neon.asUser(alice, fn);
    const all = () => neon.query<Workflow>(`${text} order by name`);

    beforeAll(async () => {
      database = await start();
      ({ neon } = database);
    });
    beforeEach(async () => {
      await neon.query("delete from user_workflows");
      // The host's own rows, of every user: what is learned about the table meanwhile must not serve the users.
      await neon.bulkInsert("user_workflows", [
        { user_id: alice.sub, name: "a's" },
        { user_id: bob.sub, name: "b's" },
      ]);
      theirs = (await all())[1]!;
    });
    afterAll(() => database.close());

    it.each(Object.entries(reads))("are not read by %s", async (_method, read) => {
      expect(await asAlice(read)).toMatchObject([{ user_id: alice.sub, name: "a's" }]);
    });

    describe.each(Object.entries(sends))("by %s", (_method, send) => {
      it.each([
        ["updated", "update user_workflows set name = 'taken' where id = $1"],
        ["deleted", "delete from user_workflows where id = $1"],
        ["locked", "select * from user_workflows where id = $1 for update"],
        ["merged", "update user_workflows set name = o.name from user_workflows o where o.id = $1"],
      ])("are not %s", async (_what, statement) => {
        expect(await asAlice((tx) => send(tx, statement, [theirs.id]))).toBe(0);
        expect(await all()).toMatchObject([{ name: "a's" }, theirs]);
      });

      it.each([
        ["made", "insert into user_workflows (user_id, name) values ($1, 'made up')"],
        ["given away", "update user_workflows set user_id = $1"],
      ])("are not %s", async (_what, statement) => {
        await expect(asAlice((tx) => send(tx, statement, [bob.sub]))).rejects.toMatchObject(forbidden);
        expect(await all()).toMatchObject([{ name: "a's" }, theirs]);
      });
    });

    it.each([
      ["a few", 2],
      ["so many that COPY would be taken", 1_000],
    ])("are not made by bulkInsert: %s", async (_count, count) => {
      const rows = (last: string) =>
        Array.from({ length: count }, (_, n) => ({ user_id: n === count - 1 ? last : alice.sub, name: `n${n}` }));
      await expect(asAlice((tx) => tx.bulkInsert("user_workflows", rows(bob.sub)))).rejects.toMatchObject(forbidden);
      await expect(
        asAlice((tx) => tx.transaction((inner) => inner.bulkInsert("user_workflows", rows(bob.sub)))),
      ).rejects.toMatchObject(forbidden);
      expect(await all()).toHaveLength(2);
      expect((await asAlice((tx) => tx.bulkInsert("user_workflows", rows(alice.sub)))).rowCount).toBe(count);
    });

    it("are not taken over by bulkInsert with onConflict, nor seen through what it returns", async () => {
      const rows = [{ id: theirs.id, user_id: alice.sub, name: "taken" }];
      const update = {
        onConflict: { target: ["id"], update: ["name", "user_id"] },
        returning: ["id", "name"],
      } as const;
      await expect(asAlice((tx) => tx.bulkInsert("user_workflows", rows, update))).rejects.toMatchObject(forbidden);
      const nothing = { onConflict: "nothing", returning: ["id", "name"] } as const;
      expect(await asAlice((tx) => tx.bulkInsert("user_workflows", rows, nothing))).toHaveLength(0);
      expect(await all()).toMatchObject([{ name: "a's" }, theirs]);
    });

    it("are not written by COPY, which the server refuses under row-level security", async () => {
      const rows = [{ user_id: bob.sub, name: "copied" }];
      await expect(asAlice((tx) => tx.bulkInsert("user_workflows", rows, { method: "copy" }))).rejects.toThrow();
      expect(await all()).toHaveLength(2);
    });

    it.each([
      ["reset role", []],
      ["RESET /* */ SESSION AUTHORIZATION", []],
      ["set role none", []],
      ["set local role service_role", []],
      ['set session "role" = none', []],
      ["set session authorization default", []],
      ["set local request.jwt.claims = '{}'", []],
      ["select set_config('role', 'none', true)", []],
      ["select set_config('request.jwt.claims', $1, true)", ["{}"]],
      ["select pg_catalog.set_config($1, $2, true)", ["role", "none"]],
      ["with gone as (select 'role' as r) select set_config(r, 'none', true) from gone", []],
      ["/* /* */ */ reset role", []],
    ])("are not reached by giving the role back: %s", async (statement, params) => {
      const refused = { code: "FORBIDDEN", message: expect.stringContaining("asUser") };
      for (const send of Object.values(sends))
        await expect(asAlice((tx) => send(tx, statement, params))).rejects.toMatchObject(refused);
      await expect(asAlice((tx) => collected(tx.stream(statement, params)))).rejects.toMatchObject(refused);
    });

    it.each(["select 1; reset role", "begin; reset role", "select 1; commit"])(
      "are not reached by a second statement in one text: %s",
      async (statement) => {
        for (const send of Object.values(sends))
          await expect(asAlice((tx) => send(tx, statement, []))).rejects.toMatchObject({ message: expect.anything() });
        const seen = asAlice(async (tx) => {
          await tx.transaction((inner) => inner.pool.query(statement)).catch(() => undefined);
          return tx.query<Workflow>(text);
        });
        expect(await seen).toMatchObject([{ user_id: alice.sub }]);
      },
    );

    it("leaves the user settings of its own", async () => {
      const own = await asAlice(async (tx) => {
        await tx.query("set local statement_timeout = '5s'");
        await tx.query`select set_config('app.tenant', ${"a"}, true)`;
        return tx.query("select current_setting('app.tenant') as tenant, current_user::text as role");
      });
      expect(own).toEqual([{ tenant: "a", role: "authenticated" }]);
    });

    it("are out of reach for the user's transaction alone: the next one on the connection is the host's again", async () => {
      const seen = async () =>
        (await neon.batch([{ text }, { text: "select current_user::text as role" }])) as unknown[][];
      const before = await seen();
      expect(before[0]).toHaveLength(2);
      await asAlice((tx) => tx.query(text));
      await asAlice(() => Promise.reject(new Error("undone"))).catch(() => undefined);
      expect(await seen()).toEqual(before);
    });
  });

  describe(`the catalog over ${name}`, () => {
    let database: MigratedDatabase;
    beforeAll(async () => {
      database = await start();
    });
    afterAll(() => database.close());

    it("shows row-level security with a policy for every command on every table that has an owner", async () => {
      const rows = await database.neon.query<{ table: string; enabled: boolean; commands: string[]; checked: boolean }>(
        `select c.relname as table, c.relrowsecurity as enabled,
           array_agg(distinct p.polcmd::text) as commands,
           bool_and(p.polqual is not null and p.polwithcheck is not null) as checked
         from pg_class c
         join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
         left join pg_policy p on p.polrelid = c.oid
         where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
         group by c.oid order by c.relname`,
      );
      expect(rows.map(({ table }) => table)).toEqual([
        "documents",
        "market_alert_matches",
        "market_alerts",
        "scraping_sessions",
        "user_workflows",
      ]);
      // '*' is: for all commands.
      for (const row of rows) expect(row).toMatchObject({ enabled: true, commands: ["*"], checked: true });
    });

    it("shows that no user role owns a table, can become the owner, or stands above the policies", async () => {
      // The tables are not FORCEd: their owner, who runs the background jobs, is above them. So no user may be the owner.
      const rows = await database.neon.query(
        `select r.rolname as role, c.relname as table from pg_roles r cross join pg_class c
         where r.rolname in ('authenticated', 'anon') and c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
           and (pg_has_role(r.oid, c.relowner, 'member') or r.rolsuper or r.rolbypassrls)`,
      );
      expect(rows).toEqual([]);
    });

    it("shows grants on the tables of users alone, and no right to truncate, refer to or trigger", async () => {
      const rows = await database.neon.query<{ table: string; rights: string }>(
        `select table_name as table, string_agg(privilege_type, ' ' order by privilege_type) as rights
         from information_schema.role_table_grants
         where grantee = 'authenticated' and table_schema = 'public' group by table_name order by table_name`,
      );
      const own = "DELETE INSERT SELECT UPDATE";
      expect(Object.fromEntries(rows.map(({ table, rights }) => [table, rights]))).toEqual({
        documents: own,
        listings: "SELECT",
        market_alert_matches: "DELETE SELECT",
        market_alerts: own,
        market_data: "SELECT",
        scraping_sessions: own,
        user_workflows: own,
      });
    });
  });
}
