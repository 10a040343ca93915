// Drizzle over the integration's pool: its own schema and types, our guarded connections, and row-level security.
import assert from "node:assert/strict";
import { asc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { withTwoUsers } from "./two-users.ts";

const workflows = pgTable("user_workflows", {
  id: uuid("id").primaryKey().defaultRandom(),
  userId: uuid("user_id").notNull(),
  name: text("name").notNull(),
});

await withTwoUsers(async ({ neon }, ada, bob) => {
  // Background work, as the owner of the tables.
  const db = drizzle({ client: neon.pool });
  await db.insert(workflows).values([
    { userId: ada.sub, name: "flats" },
    { userId: bob.sub, name: "houses" },
  ]);
  const names = () => db.select({ name: workflows.name }).from(workflows).orderBy(asc(workflows.name));
  assert.deepEqual(await names(), [{ name: "flats" }, { name: "houses" }]);

  // As Ada: the transaction's pool makes every statement hers, and Drizzle's transactions savepoints of it.
  await neon.asUser(ada, async (tx) => {
    const hers = drizzle({ client: tx.pool });
    assert.deepEqual(await hers.select({ name: workflows.name }).from(workflows), [{ name: "flats" }]);
    const stolen = await hers.delete(workflows).where(eq(workflows.userId, bob.sub)).returning();
    assert.deepEqual(stolen, []);

    const failing = hers.transaction(async (inner) => {
      await inner.insert(workflows).values({ userId: ada.sub, name: "undone" });
      await inner.insert(workflows).values({ userId: bob.sub, name: "in Bob's name" });
    });
    await assert.rejects(failing, ({ cause }: Error) => (cause as { code?: string }).code === "FORBIDDEN");
    await hers.transaction(async (inner) => {
      await inner.insert(workflows).values({ userId: ada.sub, name: "cottages" });
    });
  });

  assert.deepEqual(await names(), [{ name: "cottages" }, { name: "flats" }, { name: "houses" }]);
});
console.log("drizzle: the owner sees all rows, each user their own");
