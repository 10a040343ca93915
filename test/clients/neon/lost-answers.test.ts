import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { postgresOverNeon, postgresOverTcp, type Target } from "./support/targets.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startCuttingProxy, type CuttingProxy } from "./support/cutting-proxy.ts";
import { retryingRunner } from "./support/retrying-runner.ts";

let database: TestDatabase;
let proxy: CuttingProxy;
let neon: NeonClient;
let runner: ReturnType<typeof retryingRunner>;
const rows = () => database.admin("select id from things order by id");

beforeAll(async () => {
  database = await createDatabase();
  await database.admin("create table things (id int primary key)");
  const server = new URL(database.connectionString);
  proxy = await startCuttingProxy({ host: server.hostname, port: Number(server.port || 5432) });
});
beforeEach(async () => {
  await neon?.close();
  await database.admin("truncate things");
  const url = new URL(database.connectionString);
  url.host = `127.0.0.1:${proxy.port}`;
  runner = retryingRunner();
  neon = new NeonClient({ connectionString: url.toString(), max: 2, runner });
});
afterAll(async () => {
  await neon.close();
  await proxy.close();
  await database.drop();
});

describe("when the line is cut", () => {
  it("a plain read is simply asked again", async () => {
    proxy.cut(/select 42/, "after", 2);
    expect(await neon.query`select 42 as answer`).toEqual([{ answer: 42 }]);
    expect(runner.attempts).toBe(3);
  });

  it("a write whose answer was lost is not repeated: its outcome is unknown", async () => {
    proxy.cut(/insert into things/, "after");
    await expect(neon.query`insert into things values (1)`).rejects.toMatchObject({
      code: "NETWORK",
      verdict: "outcome-unknown",
    });
    expect(runner.attempts).toBe(1);
    expect(await rows()).toEqual([{ id: 1 }]);
  });

  it("a write that says that it may be repeated, is", async () => {
    proxy.cut(/insert into things/, "after");
    await neon.query("insert into things values (1) on conflict do nothing", [], { idempotent: true });
    expect(runner.attempts).toBe(2);
    expect(await rows()).toEqual([{ id: 1 }]);
  });

  it("a transaction cut before COMMIT is run again: nothing of it remains", async () => {
    proxy.cut(/update things/, "after");
    await neon.transaction(async (tx) => {
      await tx.query`insert into things values (1)`;
      await tx.query`update things set id = 2`;
    });
    expect(runner.attempts).toBe(2);
    expect(await rows()).toEqual([{ id: 2 }]);
  });

  it("a read-only transaction is run again even after its COMMIT", async () => {
    proxy.cut(/commit/, "after");
    expect(await neon.transaction((tx) => tx.query`select 1 as one`, { readOnly: true })).toEqual([{ one: 1 }]);
    expect(runner.attempts).toBe(2);
  });

  it("a connection that died in the pool is found out by BEGIN and replaced", async () => {
    await neon.query`select 1`;
    proxy.cut(/begin/, "before");
    await neon.transaction((tx) => tx.query`insert into things values (7)`);
    expect(await rows()).toEqual([{ id: 7 }]);
  });
});

describe.each([
  ["TCP", postgresOverTcp],
  ["HTTP and WebSockets", postgresOverNeon],
] as const)("when the line is cut over %s", (transport, start) => {
  let target: Target;
  let line: CuttingProxy;
  let behind: NeonClient;
  let direct: NeonClient;
  let attempts: () => number;

  beforeAll(async () => {
    target = await start();
    const url = new URL(target.options.connectionString);
    line = await startCuttingProxy({ host: url.hostname, port: Number(url.port || 5432) });
    url.host = `127.0.0.1:${line.port}`;
    direct = new NeonClient(target.options);
    await direct.query("create table things (id int primary key)");
    const counting = retryingRunner();
    attempts = () => counting.attempts;
    behind = new NeonClient({ ...target.options, connectionString: url.toString(), runner: counting });
  });
  beforeEach(() => direct.query("truncate things"));
  afterAll(async () => {
    await behind.close();
    await direct.close();
    await line.close();
    await target.close();
  });

  it.each(["before", "after"] as const)(
    "a COMMIT cut %s it arrived is OUTCOME_UNKNOWN and never repeated",
    async (phase) => {
      const before = attempts();
      line.cut(/commit/, phase);
      const lost = behind.transaction((tx) => tx.query`insert into things values (1)`);
      await expect(lost).rejects.toMatchObject({
        code: "OUTCOME_UNKNOWN",
        verdict: "outcome-unknown",
        message: expect.stringContaining("COMMIT"),
      });
      expect(attempts() - before).toBe(1);
      expect(await direct.query("select id from things")).toEqual(phase === "after" ? [{ id: 1 }] : []);
    },
  );

  it("a batch whose answer was lost is not repeated: its outcome is unknown", async () => {
    const before = attempts();
    line.cut(transport === "TCP" ? /commit/ : /insert into things/, "after");
    const lost = behind.batch([{ text: "insert into things values (1)" }, { text: "insert into things values (2)" }]);
    await expect(lost).rejects.toMatchObject({ verdict: "outcome-unknown" });
    expect(attempts() - before).toBe(1);
    expect(await direct.query("select count(*)::int as n from things")).toEqual([{ n: 2 }]);
  });

  it("a write whose answer was lost is not repeated either, a read is", async () => {
    const before = attempts();
    line.cut(/insert into things/, "after");
    await expect(behind.query("insert into things values (1)")).rejects.toMatchObject({ verdict: "outcome-unknown" });
    expect(attempts() - before).toBe(1);
    line.cut(/select 42/, "after");
    expect(await behind.query("select 42 as answer")).toEqual([{ answer: 42 }]);
    expect(attempts() - before).toBe(3);
  });
});

describe("health checks", () => {
  it("leak nothing when the connection fails under the question", async () => {
    proxy.cut(/transaction_read_only/, "after", 10);
    for (let check = 0; check < 10; check += 1)
      expect(await neon.health()).toMatchObject({ status: "down", pool: { total: 0 } });
    expect(await neon.health()).toMatchObject({ status: "up", source: "probe", pool: { total: 1, idle: 1 } });
  });

  it("wait no longer than their asker", async () => {
    expect(await neon.health(AbortSignal.abort())).toMatchObject({
      status: "down",
      message: "the database has not answered yet",
    });
  });
});

describe("statements of real backends", () => {
  it("survive a killed backend when they are reads", async () => {
    const reading = neon.query("select pg_sleep(0.3), 1 as one from generate_series(1, 1)", [], { idempotent: true });
    let killed: unknown[] = [];
    while (killed.length === 0)
      killed = await database.admin(
        "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep(0.3)%' and pid <> pg_backend_pid()",
      );
    expect(await reading).toMatchObject([{ one: 1 }]);
    expect(runner.attempts).toBe(2);
  });
});
