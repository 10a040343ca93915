import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
let neon: NeonClient;
const pid = async () => (await neon.query<{ pid: number }>`select pg_backend_pid() as pid`)[0]!.pid;

beforeAll(async () => {
  database = await createDatabase();
  neon = new NeonClient({ connectionString: database.connectionString, max: 1, queryTimeoutMs: 5_000 });
});
afterAll(async () => {
  await neon.close();
  await database.drop();
});

describe("a mistake of the caller's", () => {
  it.each([
    ["too few parameters", "select $1::int", []],
    ["too many parameters", "select 1", [1]],
  ])("is told as one and costs no connection: %s", async (_what, text, params) => {
    const before = await pid();
    for (let time = 0; time < 4; time += 1)
      await expect(neon.query(text, params)).rejects.toMatchObject({
        code: "QUERY_FAILED",
        verdict: "fatal",
        sqlState: "08P01",
      });
    expect(await pid()).toBe(before);
    expect(await neon.health()).toMatchObject({ status: "up", mode: "read-write" });
  });

  it("is no end of the connection: COPY as a single statement has nobody who sends its rows", async () => {
    await neon.query("create table if not exists copied (id int)");
    const before = await pid();
    await expect(neon.query("copy copied from stdin")).rejects.toMatchObject({ code: "QUERY_FAILED" });
    expect(await pid()).toBe(before);
    const inTransaction = neon.transaction((tx) => tx.pool.query("copy copied from stdin"));
    await expect(inTransaction).rejects.toMatchObject({ code: "QUERY_FAILED" });
    expect(await pid()).toBe(before);
  });

  it.each([
    ["a promise", Promise.resolve(1), "promise"],
    ["a call that was not made", () => 1, "function"],
    ["a symbol", Symbol("x"), "symbol"],
    ["an invalid date", new Date(Number.NaN), "invalid date"],
  ])("is not stored as nonsense: %s", async (_what, value, named) => {
    await expect(neon.query("select $1::text", [value])).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining(named),
    });
  });

  it("is a fragment that stands for a parameter", async () => {
    await expect(neon.query("select $1::text", [neon.sql`now()`])).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("fragment"),
    });
  });

  it.each([0, -1, 1.5, Number.NaN])("is a cap of %s rows, which would cap nothing", async (maxRows) => {
    const refused = { code: "INVALID_INPUT", message: expect.stringContaining("maxRows") };
    await expect(neon.query("select 1", [], { maxRows })).rejects.toMatchObject(refused);
    await expect(neon.batch([neon.sql`select 1`], { maxRows })).rejects.toMatchObject(refused);
  });

  it("is a batch of something else, or at a level that there is not", async () => {
    const statements = [neon.sql`select 1`, neon.query`select 2`] as never;
    await expect(neon.batch(statements)).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("statement 1"),
    });
    const isolationLevel = "snapshot" as never;
    await expect(neon.batch([neon.sql`select 1`], { isolationLevel })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(neon.transaction(async () => 1, { isolationLevel })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  it("is a channel's name that PostgreSQL would cut", async () => {
    for (const channel of ["", "x".repeat(64), "ü".repeat(32), "a\0b"])
      await expect(neon.listen(channel, () => undefined)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    const subscription = await neon.listen("x".repeat(63), () => undefined);
    await subscription.close();
  });

  it("is a call after close: nothing is opened again", async () => {
    const closed = new NeonClient({ connectionString: database.connectionString });
    await closed.close();
    await expect(closed.listen("x", () => undefined)).rejects.toMatchObject({ code: "CLOSED" });
    await expect(closed.migrate({ dryRun: true })).rejects.toMatchObject({ code: "CLOSED" });
    await expect(closed.query`select 1`).rejects.toMatchObject({ code: "CLOSED" });
  });
});

describe("bulkInsert", () => {
  it("takes composite types", async () => {
    await neon.query("create type pair as (x int, y text)");
    await neon.query("create table pairs (id int, p pair)");
    await neon.bulkInsert("pairs", [
      { id: 1, p: '(1,"a,b")' },
      { id: 2, p: null },
    ]);
    expect(await neon.query`select id, (p).y from pairs order by id`).toEqual([
      { id: 1, y: "a,b" },
      { id: 2, y: null },
    ]);
  });

  it("finds out that a column has another type now", async () => {
    await neon.query("create table retyped (v int)");
    await neon.bulkInsert("retyped", [{ v: 1 }]);
    await neon.query("alter table retyped alter v type text");
    await expect(neon.bulkInsert("retyped", [{ v: "one" }])).rejects.toMatchObject({ sqlState: "22P02" });
    expect((await neon.bulkInsert("retyped", [{ v: "one" }])).rowCount).toBe(1);
  });

  it("refuses a promise in a row", async () => {
    await expect(neon.bulkInsert("pairs", [{ id: Promise.resolve(1) }])).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("promise"),
    });
  });
});
