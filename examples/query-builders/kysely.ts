// Kysely over the integration's pool: its own types and builder, our guarded connections, and row-level security.
import assert from "node:assert/strict";
import { type Generated, Kysely, PostgresDialect } from "kysely";
import { withTwoUsers } from "./two-users.ts";

interface Database {
  user_workflows: { id: Generated<string>; user_id: string; name: string; status: Generated<string> };
}

await withTwoUsers(async ({ neon }, ada, bob) => {
  // Background work, as the owner of the tables. The pool is the integration's: do not call db.destroy().
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: neon.pool }) });
  await db
    .insertInto("user_workflows")
    .values([
      { user_id: ada.sub, name: "flats" },
      { user_id: bob.sub, name: "houses" },
    ])
    .execute();
  const all = await db.selectFrom("user_workflows").select(["user_id", "name"]).orderBy("name").execute();
  assert.deepEqual(
    all.map(({ name }) => name),
    ["flats", "houses"],
  );

  // As Ada: the transaction's pool makes every statement hers, and Kysely's transactions savepoints of it.
  await neon.asUser(ada, async (tx) => {
    const hers = new Kysely<Database>({ dialect: new PostgresDialect({ pool: tx.pool }) });
    const seen = await hers.selectFrom("user_workflows").select("name").execute();
    assert.deepEqual(seen, [{ name: "flats" }]);
    const stolen = await hers.deleteFrom("user_workflows").where("user_id", "=", bob.sub).executeTakeFirst();
    assert.equal(stolen.numDeletedRows, 0n);

    const failing = hers.transaction().execute(async (inner) => {
      await inner.insertInto("user_workflows").values({ user_id: ada.sub, name: "undone" }).execute();
      await inner.insertInto("user_workflows").values({ user_id: bob.sub, name: "in Bob's name" }).execute();
    });
    await assert.rejects(failing, { code: "FORBIDDEN", sqlState: "42501" });
    await hers.transaction().execute(async (inner) => {
      await inner.insertInto("user_workflows").values({ user_id: ada.sub, name: "cottages" }).execute();
    });
  });

  const after = await db.selectFrom("user_workflows").select("name").orderBy("name").execute();
  assert.deepEqual(after, [{ name: "cottages" }, { name: "flats" }, { name: "houses" }]);
});
console.log("kysely: the owner sees all rows, each user their own");
