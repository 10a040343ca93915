import { PGlite } from "@electric-sql/pglite";
import { pg_trgm } from "@electric-sql/pglite/contrib/pg_trgm";
import { vector } from "@electric-sql/pglite-pgvector";
import { type SqlSession } from "../../../../src/clients/neon/index.ts";

/** PostgreSQL with pgvector in this process: one session, so it is its own lock. */
export async function openPglite(): Promise<{ session: SqlSession; close: () => Promise<void> }> {
  const database = await PGlite.create({ extensions: { vector, pg_trgm } });
  const session: SqlSession = {
    query: async (text, values) =>
      values ? database.query(text, values) : ((await database.exec(text)).at(-1) ?? { rows: [] }),
  };
  return { session, close: () => database.close() };
}
