import { rm } from "node:fs/promises";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { createDatabase } from "../../support/postgres.ts";
import { describeRowLevelSecurity } from "./support/row-level-security-contract.ts";
import { migrationsWithoutVector } from "./support/user-migrations.ts";

describeRowLevelSecurity("TCP", async () => {
  const [database, directory] = await Promise.all([createDatabase(), migrationsWithoutVector()]);
  const neon = new NeonClient({ connectionString: database.connectionString, max: 1 });
  await neon.migrate({ directory });
  await neon.query("insert into listings default values");
  return {
    neon,
    async close() {
      await neon.close();
      await database.drop();
      await rm(directory, { recursive: true });
    },
  };
});
