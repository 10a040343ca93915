import { afterAll, beforeAll, expect, it } from "vitest";
import { createIntegration } from "../../src/index.ts";
import { type LocalPostgres, startLocalPostgres } from "../../src/local/index.ts";
import { freePort } from "../../bench/support/free-port.ts";
import { minimalEnv } from "../config/minimal-env.ts";

let postgres: LocalPostgres;
beforeAll(async () => {
  postgres = await startLocalPostgres({ port: await freePort() });
});
afterAll(() => postgres.close());

it("goes on with cached reads while the database is away, refuses writes with the reason, and comes back by itself", async () => {
  await using integration = createIntegration(
    {
      ...minimalEnv,
      NEON_CONNECTION_STRING: postgres.connectionString,
      NEON_TRANSPORT: "tcp",
      ENABLE_QUERY_CACHE: "true",
      LOG_LEVEL: "silent",
    },
    { policies: { neon: { deadlineMs: 3_000, maxAttempts: 2, baseDelayMs: 10 } } },
  );
  const { neon, pools } = integration;
  const steps: string[] = [];
  integration.events.on("pool.mode_changed", ({ mode }) => steps.push(mode));
  await neon.query`create table houses (id int primary key)`;
  await neon.query`insert into houses values (1)`;
  const read = () => neon.query("select id from houses", [], { cache: { ttlMs: 1, staleIfErrorMs: 60_000 } });
  expect(await read()).toEqual([{ id: 1 }]);

  await postgres.stop("crash");
  const stale = await expect
    .poll(() => read().then(({ meta }) => meta?.degraded))
    .toBeDefined()
    .then(read);
  expect(stale).toEqual([{ id: 1 }]);
  expect(stale.meta).toMatchObject({ cached: "stale", degraded: expect.any(String) });
  expect(pools.mode).not.toBe("read-write");
  await expect(neon.query`insert into houses values (2)`).rejects.toMatchObject({ code: "READ_ONLY" });

  await postgres.begin();
  await expect.poll(() => pools.mode, { timeout: 5_000 }).toBe("read-write");
  await neon.query`insert into houses values (3)`;
  expect(await read()).toEqual([{ id: 1 }, { id: 3 }]);
  expect(steps.at(-1)).toBe("read-write");
});
