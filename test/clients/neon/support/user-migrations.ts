import { cp, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../../../src/core/index.ts";

/** The shipped migrations for a server without pgvector: a bare listings table stands for the one with embeddings. */
export async function migrationsWithoutVector(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ei-migrations-"));
  const shipped = [
    "0003_identity.sql",
    "0004_user_tables.sql",
    "0005_row_level_security.sql",
    "0006_webhook_events.sql",
  ];
  for (const file of shipped) await cp(join(packageRoot(), "migrations", file), join(folder, file));
  await writeFile(
    join(folder, "0002_listings.sql"),
    "create table listings (id uuid primary key default gen_random_uuid()); create table market_data (zipcode text);",
  );
  return folder;
}
