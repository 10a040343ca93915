import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NeonClient, type Transaction, type UserClaims } from "../../../../src/clients/neon/index.ts";

export interface MigratedDatabase {
  /** One connection at most, so that a role or a claim left behind would show. */
  readonly neon: NeonClient;
  close(): Promise<void>;
}

const tables = ["user_workflows", "market_alerts", "market_alert_matches", "scraping_sessions", "documents"];

/** Two users of one database never meet, whatever they try. */
export function describeRowLevelSecurity(name: string, start: () => Promise<MigratedDatabase>): void {
  describe(`row-level security over ${name}`, () => {
    let database: MigratedDatabase;
    let neon: NeonClient;
    const alice: UserClaims = { sub: randomUUID(), role: "authenticated", email: "o'hara\"@example.com" };
    const bob: UserClaims = { sub: randomUUID() };
    const as = <T>(user: UserClaims, fn: (tx: Transaction) => Promise<T>) => neon.asUser(user, fn);
    const forbidden = { code: "FORBIDDEN", sqlState: "42501" };

    beforeAll(async () => {
      database = await start();
      ({ neon } = database);
      for (const user of [alice, bob]) {
        await as(user, async (tx) => {
          await tx.query`insert into user_workflows (user_id, name) values (${user.sub}, 'mine')`;
          await tx.query`insert into market_alerts (user_id) values (${user.sub})`;
          await tx.query`insert into scraping_sessions (user_id) values (${user.sub})`;
          await tx.query`insert into documents (user_id, path) values (${user.sub}, ${`${user.sub}/a.txt`})`;
        });
        await neon.query`insert into market_alert_matches (alert_id, listing_id, user_id)
          select a.id, l.id, a.user_id from market_alerts a, listings l where a.user_id = ${user.sub} limit 1`;
      }
    });
    afterAll(() => database.close());

    it.each(tables)("%s: each user sees and changes only their own rows, by any statement", async (table) => {
      const target = neon.identifier(table);
      for (const [user, other] of [
        [alice, bob],
        [bob, alice],
      ] as const) {
        await as(user, async (tx) => {
          expect(await tx.query`select user_id from ${target}`).toEqual([{ user_id: user.sub }]);
          expect(await tx.query`select * from ${target} where user_id = ${other.sub}`).toEqual([]);
          expect(await tx.query`select count(*)::int as n, max(user_id::text) as m from ${target}`).toEqual([
            { n: 1, m: user.sub },
          ]);
          expect(
            await tx.query`select o.user_id from ${target} o join ${target} p on true where o.user_id <> ${user.sub}`,
          ).toEqual([]);
          expect((await tx.query`delete from ${target} where user_id = ${other.sub} returning *`).rowCount).toBe(0);
        });
        if (table === "market_alert_matches") continue;
        await as(user, async (tx) => {
          expect((await tx.query`update ${target} set user_id = user_id where user_id = ${other.sub}`).rowCount).toBe(
            0,
          );
          expect(await tx.query`select user_id from ${target} for update`).toHaveLength(1);
        });
        await expect(as(user, (tx) => tx.query`update ${target} set user_id = ${other.sub}`)).rejects.toMatchObject(
          forbidden,
        );
        await expect(as(user, (tx) => tx.query`truncate ${target}`)).rejects.toMatchObject(forbidden);
      }
      const rows = await neon.query`select user_id from ${target} order by user_id`;
      expect(rows).toEqual([alice.sub, bob.sub].sort().map((user_id) => ({ user_id })));
    });

    it("refuses rows made in another user's name", async () => {
      const inserts = [
        neon.sql`insert into user_workflows (user_id, name) values (${bob.sub}, 'theirs')`,
        neon.sql`insert into market_alerts (user_id) values (${bob.sub})`,
        neon.sql`insert into scraping_sessions (user_id) values (${bob.sub})`,
        neon.sql`insert into scraping_sessions default values`,
        neon.sql`insert into documents (user_id, path) values (${bob.sub}, ${`${bob.sub}/b.txt`})`,
        neon.sql`insert into documents (user_id, path) values (${alice.sub}, ${`${bob.sub}/b.txt`})`,
        neon.sql`insert into market_alert_matches (alert_id, listing_id, user_id) select a.id, l.id, a.user_id from market_alerts a, listings l`,
      ];
      for (const insert of inserts) await expect(as(alice, (tx) => tx.query(insert))).rejects.toMatchObject(forbidden);
    });

    it("refuses to take over another user's row by its key", async () => {
      const [row] = await neon.query<{ id: string }>`select id from user_workflows where user_id = ${bob.sub}`;
      const upsert = neon.sql`insert into user_workflows (id, user_id, name) values (${row!.id}, ${alice.sub}, 'stolen')
        on conflict (id) do update set name = 'stolen', user_id = ${alice.sub}`;
      await expect(as(alice, (tx) => tx.query(upsert))).rejects.toMatchObject(forbidden);
      expect(await neon.query`select name from user_workflows where id = ${row!.id}`).toEqual([{ name: "mine" }]);
    });

    it.each(["webhook_events", "scraped_pages", "enhanced_integration_migrations"])(
      "keeps %s from users",
      async (table) => {
        await expect(as(alice, (tx) => tx.query`select * from ${neon.identifier(table)}`)).rejects.toMatchObject(
          forbidden,
        );
      },
    );

    it("shows the public tables to everybody and lets nobody write them", async () => {
      for (const user of [alice, { role: "anon" }]) {
        expect((await as(user, (tx) => tx.query`select id from listings`)).length).toBeGreaterThan(0);
        await expect(as(user, (tx) => tx.query`delete from listings`)).rejects.toMatchObject(forbidden);
      }
      for (const table of tables)
        await expect(
          as({ role: "anon" }, (tx) => tx.query`select * from ${neon.identifier(table)}`),
        ).rejects.toMatchObject(forbidden);
    });

    it("tells the database who the user is, and forgets it with the transaction", async () => {
      const who = neon.sql`select current_user::text as role, auth.uid() as uid, auth.role() as claimed, auth.jwt() ->> 'email' as email`;
      expect(await as(alice, (tx) => tx.query(who))).toEqual([
        { role: "authenticated", uid: alice.sub, claimed: "authenticated", email: alice["email"] },
      ]);
      const nobody = { uid: null, claimed: null, email: null };
      expect(await neon.transaction((tx) => tx.query(who))).toEqual([expect.objectContaining(nobody)]);
      await as(alice, () => Promise.reject(new Error("failed"))).catch(() => undefined);
      const [after] = await neon.transaction((tx) => tx.query<{ role: string }>(who));
      expect(after).toMatchObject(nobody);
      expect(after!.role).not.toBe("authenticated");
    });

    it("lets service_role work across users", async () => {
      const rows = await as({ role: "service_role" }, (tx) => tx.query`select distinct user_id from user_workflows`);
      expect(rows).toHaveLength(2);
    });

    it("refuses any other role and claims without a user, before it asks the database", async () => {
      for (const role of ["postgres", "pg_read_all_data", "Authenticated", "", 7 as never])
        await expect(as({ sub: alice.sub!, role }, async () => undefined)).rejects.toMatchObject({ code: "FORBIDDEN" });
      for (const claims of [{}, { role: "authenticated" }, { sub: "" }])
        await expect(as(claims, async () => undefined)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    });
  });
}
