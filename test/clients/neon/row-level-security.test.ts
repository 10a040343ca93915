import { rm } from "node:fs/promises";
import { afterAll, beforeAll } from "vitest";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { describeForeignRows } from "./support/foreign-rows-contract.ts";
import { describeRowLevelSecurity, type MigratedDatabase } from "./support/row-level-security-contract.ts";
import { type Target, targets } from "./support/targets.ts";
import { migrationsWithoutVector } from "./support/user-migrations.ts";

let withoutVector: string;
beforeAll(async () => {
  withoutVector = await migrationsWithoutVector();
});
afterAll(() => rm(withoutVector, { recursive: true }));

/** With the shipped migrations where the server has pgvector. */
async function migrated(start: () => Promise<Target>, hasVector: boolean): Promise<MigratedDatabase> {
  const target = await start();
  const neon = new NeonClient({ ...target.options, max: 1, embeddingDimensions: 4 });
  await neon.migrate(hasVector ? {} : { directory: withoutVector });
  if (hasVector)
    await neon.query`insert into listings (source, source_key, title, description, price, content_hash) values ('s', '1', 't', 'd', 1, 'h')`;
  else await neon.query("insert into listings default values");
  return {
    neon,
    async close() {
      await neon.close();
      await target.close();
    },
  };
}

for (const [name, start] of targets) {
  let database: Promise<MigratedDatabase> | undefined;
  /** One for the suites of a target, which run one after the other. */
  const shared = async (): Promise<MigratedDatabase> => {
    database ??= migrated(start, name.includes("local Neon"));
    return { neon: (await database).neon, close: async () => undefined };
  };
  afterAll(async () => (await database)?.close());
  describeRowLevelSecurity(name, shared);
  describeForeignRows(name, shared);
}
