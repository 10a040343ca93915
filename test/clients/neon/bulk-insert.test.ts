import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { NeonClient } from "../../../src/clients/neon/index.ts";
import { EventBus, type IntegrationError } from "../../../src/core/index.ts";
import { type Target, targets } from "./support/targets.ts";

const table = `create table wide (
  id int primary key, name text, tags text[], matrix int[][], data jsonb, raw json, bytes bytea, price numeric(10, 2),
  at timestamptz, day date, local timestamp, flag boolean, big bigint, code varchar(3), mood mood, where_ point, spare text default 'spare')`;

/** Whatever could be mistaken for syntax in an array literal or in COPY's text. */
const nasty = [
  "",
  "NULL",
  "\\N",
  "\\.",
  "a\tb",
  "line\nbreak\r\n",
  'quo"te',
  "back\\slash",
  "{a,b}",
  "üñí 🏠",
  " pad ",
  'quo"te\nand\tcontrol\u0001\\',
  '"🏠\\u0041',
  '"\u007f\u0080\u2028\\',
];

describe.each(targets)("bulkInsert over %s", (_name, start) => {
  let target: Target;
  let neon: NeonClient;
  const isTcp = () => target.options.transport !== "websocket";

  beforeAll(async () => {
    target = await start();
    neon = new NeonClient(target.options);
    await neon.query("create type mood as enum ('glad', 'so-so')");
    await neon.query(table);
    await neon.query('create table "odd name" ("a ""b" int, "select" text)');
    await neon.query("create table guarded (id int)");
    await neon.query("alter table guarded enable row level security");
  });
  beforeEach(() => neon.query`truncate wide, "odd name"`);
  afterAll(async () => {
    await neon.close();
    await target.close();
  });

  const count = async () => (await neon.query<{ n: number }>`select count(*)::int as n from wide`)[0]!.n;
  const many = (n: number, from = 0) => Array.from({ length: n }, (_, i) => ({ id: from + i, name: `n${from + i}` }));

  it.each(["unnest", "copy"] as const)(
    "carries every usual type by %s, and reads back what query wrote",
    async (method) => {
      const at = new Date("2026-01-02T03:04:05.678Z");
      const row = {
        id: 1,
        name: "plain",
        tags: ["a", 'b"c', "d,e", "NULL", null, "{x}"],
        matrix: [
          [1, 2],
          [3, 4],
        ],
        data: { a: [1, { b: null }], s: 'quo"te\\' },
        raw: [1, "two", { three: 3 }],
        bytes: Buffer.from([0, 255, 92, 10]),
        price: "12345678.90",
        at,
        day: new Date(2026, 0, 2),
        local: at,
        flag: true,
        big: 9007199254740993n,
        code: "abc",
        mood: "so-so",
        where_: "(1,2)",
      };
      const empty = { id: 2, name: null };
      const inserted = await neon.bulkInsert("wide", [row, empty], { method });
      expect(inserted).toEqual([]);
      expect(inserted.rowCount).toBe(2);
      await neon.query(
        `insert into wide (id, name, tags, matrix, data, raw, bytes, price, at, day, local, flag, big, code, mood, where_)
       values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)`,
        Object.values({
          ...row,
          id: 3,
          data: JSON.stringify(row.data),
          raw: JSON.stringify(row.raw),
          big: String(row.big),
        }),
      );
      const [one, two, three] = await neon.query("select * from wide order by id");
      expect({ ...one, id: 3 }).toEqual(three);
      expect(one).toMatchObject({ tags: row.tags, matrix: row.matrix, data: row.data, at, big: "9007199254740993" });
      expect(two).toMatchObject({ name: null, tags: null, data: null, bytes: null, at: null });
      expect(one).toMatchObject({ spare: "spare" });
    },
  );

  it.each(["unnest", "copy"] as const)("confuses no text with syntax by %s", async (method) => {
    const rows = nasty.map((name, id) => ({ id, name, tags: nasty, data: { text: name } }));
    await neon.bulkInsert("wide", rows, { method });
    expect(await neon.query("select id, name, tags, data from wide order by id")).toEqual(rows);
  });

  it("takes COPY over TCP from 200 rows on and where it does the same as INSERT, else one INSERT over arrays", async () => {
    const events = new EventBus();
    const seen: string[] = [];
    events.on("query.finished", ({ statement }) => void seen.push(statement.split(" ")[0]!));
    const told = new NeonClient({ ...target.options, events });
    await told.bulkInsert("wide", many(200));
    await told.bulkInsert("wide", many(199, 1_000));
    await told.bulkInsert("wide", many(200), { onConflict: "nothing" });
    await told.bulkInsert("guarded", many(300), { columns: ["id"] });
    expect(seen).toEqual([isTcp() ? "copy" : "insert", "insert", "insert", "insert"]);
    await told.close();
  });

  it("inserts all or nothing, whatever the method", async () => {
    for (const options of [{ method: "copy" }, { method: "unnest" }, { method: "unnest", batchBytes: 1024 }] as const) {
      const rows = [...many(500), { id: 7, name: "again" }];
      await expect(neon.bulkInsert("wide", rows, options)).rejects.toMatchObject({
        code: "CONFLICT",
        sqlState: "23505",
        details: { constraint: "wide_pkey" },
      });
      expect(await count()).toBe(0);
    }
  });

  it("splits what is too big for one statement, in one transaction", async () => {
    const events = new EventBus();
    let statements = 0;
    events.on("query.finished", () => void (statements += 1));
    const told = new NeonClient({ ...target.options, events });
    const rows = many(1_000);
    const back = await told.bulkInsert<{ id: number }>("wide", rows, {
      method: "unnest",
      batchBytes: 2_048,
      returning: ["id"],
    });
    expect(back.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    expect(back.rowCount).toBe(1_000);
    expect(statements).toBeGreaterThan(5);
    expect(await count()).toBe(1_000);
    await told.close();
  });

  it("gives back more rows than a query may return: there cannot be more than were given", async () => {
    const capped = new NeonClient({ ...target.options, maxRows: 3 });
    expect(await capped.bulkInsert("wide", many(5), { returning: ["id", "spare"] })).toHaveLength(5);
    await capped.close();
  });

  it("leaves, overwrites or refuses rows that are there already", async () => {
    await neon.bulkInsert("wide", [{ id: 1, name: "old", flag: true }]);
    const rows = [
      { id: 1, name: "new", flag: false },
      { id: 2, name: "second", flag: false },
    ];
    const target = ["id"];
    const read = () => neon.query("select id, name, flag from wide order by id");
    expect((await neon.bulkInsert("wide", rows, { onConflict: "nothing", returning: ["id"] })).rowCount).toBe(1);
    expect(await read()).toEqual([{ id: 1, name: "old", flag: true }, rows[1]]);
    await neon.bulkInsert("wide", rows, { onConflict: { target, update: ["name"] } });
    expect(await read()).toEqual([{ id: 1, name: "new", flag: true }, rows[1]]);
    await neon.bulkInsert("wide", rows, { onConflict: { target } });
    expect(await read()).toEqual(rows);
    expect((await neon.bulkInsert("wide", rows, { onConflict: { target, update: "nothing" } })).rowCount).toBe(0);
    await expect(neon.bulkInsert("wide", rows)).rejects.toMatchObject({ code: "CONFLICT" });
  });

  it("is part of the transaction it is called in", async () => {
    const failing = neon.transaction(async (tx) => {
      expect((await tx.bulkInsert("wide", many(300))).rowCount).toBe(300);
      expect(await tx.query`select count(*)::int as n from wide`).toEqual([{ n: 300 }]);
      await tx.transaction(async (inner) => inner.bulkInsert("wide", many(1))).catch(() => undefined);
      expect((await tx.bulkInsert("wide", many(250, 500), { method: "copy" })).rowCount).toBe(250);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await count()).toBe(0);
    await neon.transaction((tx) => tx.bulkInsert("wide", many(10), { method: "unnest", batchBytes: 1024 }));
    expect(await count()).toBe(10);
  });

  it("quotes names", async () => {
    await neon.bulkInsert("odd name", [{ 'a "b': 1, select: "x" }]);
    await neon.bulkInsert("public.odd name", [{ 'a "b': 2, select: "y" }], { method: "copy" });
    expect(await neon.query('select * from "odd name" order by 1')).toEqual([
      { 'a "b': 1, select: "x" },
      { 'a "b': 2, select: "y" },
    ]);
  });

  it("takes the given columns only, and the union of all names by default", async () => {
    await neon.bulkInsert("wide", [{ id: 1, name: "a", nonsense: 1 }], { columns: ["id", "name"] });
    await neon.bulkInsert("wide", [{ id: 2 }, { id: 3, name: "c" }]);
    expect(await neon.query("select id, name from wide order by id")).toEqual([
      { id: 1, name: "a" },
      { id: 2, name: null },
      { id: 3, name: "c" },
    ]);
    expect((await neon.bulkInsert("wide", [])).rowCount).toBe(0);
  });

  it("never cuts a value silently", async () => {
    for (const method of ["unnest", "copy"] as const)
      await expect(neon.bulkInsert("wide", [{ id: 1, code: "abcd" }], { method })).rejects.toMatchObject({
        sqlState: "22001",
      });
  });

  it("names what is wrong: table, columns, values, options", async () => {
    const refused = (rows: object[], options = {}, name = "wide") =>
      neon.bulkInsert(name, rows as never, options).catch((error: unknown) => error as IntegrationError);
    expect(await refused([{ id: 1 }], {}, "nowhere")).toMatchObject({ message: expect.stringContaining('"nowhere"') });
    expect(await refused([{ id: 1, nmae: 2, x: 1 }])).toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining('"nmae", "x"; it has id, name'),
    });
    const circular: { self?: object } = {};
    circular.self = circular;
    for (const method of ["unnest", "copy"] as const) {
      expect(await refused([{ id: 1 }, { id: 2, data: circular }], { method })).toMatchObject({
        code: "INVALID_INPUT",
        message: expect.stringMatching(/row 1, column "data" \(jsonb\)/),
      });
      expect(await refused([{ id: 1, at: new Date(NaN) }], { method })).toMatchObject({ code: "INVALID_INPUT" });
    }
    expect(await refused([{}])).toMatchObject({ message: expect.stringContaining("no columns") });
    const problems = { columns: [], method: "fast", batchBytes: 1, onConflict: { target: [] }, returning: [] };
    expect(await refused([{ id: 1 }], problems)).toMatchObject({
      message: expect.stringMatching(/columns .*; method .*; batchBytes .*; onConflict.target .*; returning /),
    });
    expect(await refused([{ id: 1 }], { method: "copy", onConflict: "nothing" })).toMatchObject({
      code: "INVALID_INPUT",
    });
    expect(await refused([{ id: 1 }], { method: "copy" }, "guarded")).toMatchObject({
      message: expect.stringContaining("row-level security"),
    });
    expect(await count()).toBe(0);
    expect(await neon.query`select 1 as one`).toEqual([{ one: 1 }]);
  });

  it("looks the table up once, and again after it changed", async () => {
    await neon.query("create table changing (a int)");
    await neon.bulkInsert("changing", [{ a: 1 }]);
    await neon.query("alter table changing alter a type text");
    await neon.query("alter table changing rename a to b");
    await expect(neon.bulkInsert("changing", [{ a: "x" }])).rejects.toMatchObject({ sqlState: "42703" });
    expect((await neon.bulkInsert("changing", [{ b: "x" }])).rowCount).toBe(1);
    await neon.query("drop table changing");
  });
});
