import { PGlite } from "@electric-sql/pglite";
import { pg_trgm } from "@electric-sql/pglite/contrib/pg_trgm";
import { vector } from "@electric-sql/pglite-pgvector";
import { type SqlSession } from "../../../../src/clients/neon/index.ts";

const extensions = { vector, pg_trgm };
/** Making a database takes seconds: a file makes one, and opens copies of it. */
let fresh: Blob | undefined;

/** PostgreSQL with pgvector in this process: one session, so it is its own lock. */
export async function openPglite(): Promise<{ session: SqlSession; close: () => Promise<void> }> {
  const database = await PGlite.create({ extensions, ...(fresh && { loadDataDir: fresh }) });
  fresh ??= await database.dumpDataDir("none");
  const session: SqlSession = {
    query: async (text, values) =>
      values ? database.query(text, values) : ((await database.exec(text)).at(-1) ?? { rows: [] }),
  };
  return { session, close: () => database.close() };
}
