import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventBus } from "../../../src/core/index.ts";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
let neon: NeonClient;
const rows = () => neon.query`select id from things order by id`;

beforeAll(async () => {
  database = await createDatabase();
  neon = new NeonClient({ connectionString: database.connectionString, max: 2 });
  await neon.query("create table things (id int primary key)");
});
afterAll(async () => {
  await neon.close();
  await database.drop();
});

describe("a transaction's pool", () => {
  it("runs what a tool gives it inside the transaction, in pg's own forms", async () => {
    await neon.transaction(async (tx) => {
      const client = await tx.pool.connect();
      await client.query("insert into things values ($1)", [1]);
      const asArrays = await tx.pool.query({ text: "select id, id + 1 from things", rowMode: "array" });
      expect(asArrays.rows).toEqual([[1, 2]]);
      expect((await tx.pool.query({ text: "select $1::int as v", values: [7] })).rows).toEqual([{ v: 7 }]);
      expect((await tx.pool.query("select $1::int as v", [8])).rows).toEqual([{ v: 8 }]);
      client.release();
      await tx.pool.end();
      await tx.query`delete from things`;
    });
    expect(await rows()).toEqual([]);
  });

  it("makes savepoints of a tool's own transactions", async () => {
    await neon.transaction(async (tx) => {
      const run = (text: string) => tx.pool.query(text);
      await run("begin");
      await run("insert into things values (1)");
      await run("START TRANSACTION;");
      await run("insert into things values (2)");
      await run("rollback");
      await run("-- done\ncommit");
    });
    expect(await rows()).toEqual([{ id: 1 }]);
    const failing = neon.transaction(async (tx) => {
      await tx.pool.query("begin");
      await tx.pool.query("delete from things");
      await tx.pool.query("commit");
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await rows()).toEqual([{ id: 1 }]);
  });

  it.each([
    "commit",
    "rollback",
    "end",
    "/* */ commit",
    "begin isolation level serializable",
    "commit and chain",
    "abort",
  ])("refuses %s where no savepoint can stand for it: the user of the transaction must not be lost", async (text) => {
    await expect(neon.transaction((tx) => tx.pool.query(text))).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  it.each(["commit", "ROLLBACK", "begin", "end;", "-- x\n commit", "commit and chain", "prepare transaction 'x'"])(
    "and so does query: %s",
    async (text) => {
      await expect(neon.transaction((tx) => tx.query(text))).rejects.toMatchObject({
        code: "INVALID_INPUT",
        message: expect.stringContaining("begins and ends with its function"),
      });
    },
  );

  it.each([
    ["select 1; commit", "42601"],
    ["savepoint mine; rollback", "42601"],
    ["/* /* */ */ commit", undefined],
    ["-- a comment's end\rcommit", undefined],
    ["select $a1$'$a1$; commit --'", "42601"],
  ])("is not ended by what hides it: %j", async (text, sqlState) => {
    const refused = { code: sqlState === undefined ? "INVALID_INPUT" : "QUERY_FAILED", sqlState };
    await expect(neon.transaction((tx) => tx.pool.query(text))).rejects.toMatchObject(refused);
    const before = await rows();
    const hidden = neon.transaction(async (tx) => {
      await tx.query`insert into things values (99)`;
      await tx.pool.query(text);
    });
    await expect(hidden).rejects.toMatchObject(refused);
    expect(await rows()).toEqual(before);
    if (sqlState === undefined)
      await expect(neon.transaction((tx) => tx.query(text))).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  it("tells of what runs through it, and of what fails there", async () => {
    const told: unknown[] = [];
    const events = new EventBus();
    events.on("query.finished", ({ rows, callId }) => told.push({ rows, callId: typeof callId }));
    events.on("query.failed", ({ code, sqlState }) => told.push({ code, sqlState }));
    const client = new NeonClient({ connectionString: database.connectionString, events });
    await client.transaction((tx) => tx.pool.query("select generate_series(1, 3)"));
    await expect(client.transaction((tx) => tx.pool.query("select nothing"))).rejects.toThrow();
    expect(told).toEqual([
      { rows: 3, callId: "string" },
      { code: "QUERY_FAILED", sqlState: "42703" },
    ]);
    await client.close();
  });

  it("leaves no savepoint behind that was gone back to", async () => {
    await neon
      .transaction(async (tx) => {
        await tx.query`insert into things values (100)`;
        for (let time = 0; time < 3; time += 1)
          await tx.transaction((inner) => inner.query`insert into things values (100)`).catch(() => undefined);
        await expect(tx.query("release savepoint savepoint_1")).rejects.toMatchObject({ sqlState: "3B001" });
        throw new Error("over");
      })
      .catch((thrown: Error) => expect(thrown.message).toBe("over"));
  });

  it("takes a function that is not async", async () => {
    expect(await neon.transaction((() => 5) as never)).toBe(5);
    const throwing = () => {
      throw new Error("at once");
    };
    await expect(neon.transaction(throwing)).rejects.toThrow("at once");
  });

  it("leaves savepoints to whoever makes them", async () => {
    await neon.transaction(async (tx) => {
      await tx.query("savepoint mine");
      await tx.query("delete from things");
      await tx.query("rollback to savepoint mine");
      await tx.query("rollback to mine");
      await tx.query("release mine");
    });
    expect(await rows()).toEqual([{ id: 1 }]);
  });

  it("runs nested transactions of one level one after the other", async () => {
    await neon.transaction(async (tx) => {
      const results = await Promise.allSettled([
        tx.transaction(async (inner) => {
          await inner.query`insert into things values (10)`;
          await inner.query`insert into things values (11)`;
        }),
        tx.transaction(async (inner) => {
          await inner.query`insert into things values (20)`;
          throw new Error("second");
        }),
        tx.transaction((inner) => inner.query`insert into things values (30)`),
      ]);
      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    });
    expect(await rows()).toEqual([{ id: 1 }, { id: 10 }, { id: 11 }, { id: 30 }]);
  });

  it("is over with its transaction", async () => {
    const pool = await neon.transaction(async (tx) => tx.pool);
    await expect(pool.query("select 1")).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });
});
