import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { expect, it } from "vitest";
import { createDatabase } from "../../support/postgres.ts";
import { run } from "../../support/program.ts";
import { migrationsWithoutVector } from "./support/user-migrations.ts";

const PROCESSES = 10;

it(
  "ten processes that start at once all end well, and each migration is applied once",
  { timeout: 120_000 },
  async () => {
    const [database, directory] = await Promise.all([createDatabase(), migrationsWithoutVector()]);
    // Could not be run twice, and gives the others the time to come in between.
    await writeFile(join(directory, "0001_slow.sql"), "create table slow (id int); select pg_sleep(0.1);");
    const files = await readdir(directory);
    const pistol = new pg.Client({ connectionString: database.connectionString });
    await pistol.connect();
    try {
      await pistol.query("select pg_advisory_lock(42)");
      const processes = Array.from({ length: PROCESSES }, () =>
        run("test/clients/neon/support/migrating-process.ts", [database.connectionString, directory]),
      );
      const early = Promise.race(processes).then(({ stderr }) => {
        throw new Error(`a process ended before the start: ${stderr}`);
      });
      early.catch(() => undefined);
      const waiting = "select 1 from pg_locks where locktype = 'advisory' and objid = 42 and not granted";
      while ((await Promise.race([pistol.query(waiting), early])).rowCount !== PROCESSES);
      await pistol.query("select pg_advisory_unlock(42)");

      const ended = await Promise.all(processes);
      expect(ended.map(({ code, stderr }) => ({ code, stderr }))).toEqual(ended.map(() => ({ code: 0, stderr: "" })));
      const results = ended.map(({ stdout }) => JSON.parse(stdout) as { applied: string[]; skipped: string[] });
      for (const { applied, skipped } of results) expect([...applied, ...skipped].sort()).toEqual(files.sort());
      for (const file of files) expect(results.filter(({ applied }) => applied.includes(file))).toHaveLength(1);
      const { rows } = await pistol.query("select count(*)::int as n from enhanced_integration_migrations");
      expect(rows).toEqual([{ n: files.length }]);
    } finally {
      await pistol.end();
      await database.drop();
      await rm(directory, { recursive: true });
    }
  },
);
