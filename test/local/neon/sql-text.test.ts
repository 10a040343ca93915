import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { effectsOf } from "../../../src/local/neon/engine/pglite/effects.ts";
import {
  applySettingsSql,
  settingsFromRows,
  settingsFromStartup,
  settingsKey,
} from "../../../src/local/neon/engine/pglite/session-settings.ts";
import {
  identifier,
  isCopyFromStdin,
  quoteIdentifier,
  quoteLiteral,
  splitStatements,
} from "../../../src/local/neon/sql/statements.ts";
import { encodeParameter } from "../../../src/local/neon/sql-params.ts";

describe("splitting SQL into statements", () => {
  it("is not misled by semicolons and words inside strings, names, comments and dollar quotes", () => {
    const sql = `select 'a;''b', "c;d", e'\\'; listen x', $$; listen y $$, $tag$ $$; $tag$ -- ; listen z
      /* ; /* nested; */ listen w */; LISTEN real; `;
    expect(splitStatements(sql).map((tokens) => tokens[0])).toEqual(["select", "listen"]);
    expect(effectsOf(sql)).toEqual([{ kind: "listen", channel: "real" }]);
  });

  it("finds what it quoted itself, whatever the name", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 15 }).filter((name) => !name.includes("\0")),
        (name) => {
          expect(effectsOf(`select ${quoteLiteral(name)}; listen ${quoteIdentifier(name)}`)).toEqual([
            { kind: "listen", channel: name },
          ]);
        },
      ),
    );
  });

  it("cuts names as PostgreSQL does, at 63 bytes and never inside a character", () => {
    expect(identifier("x".repeat(70))).toBe("x".repeat(63));
    expect(identifier(`"${"é".repeat(40)}"`)).toBe("é".repeat(31));
  });

  it("knows a COPY whose rows follow, and only alone", () => {
    expect(isCopyFromStdin("-- load\ncopy public.t (a, b) FROM stdin with (format csv);")).toBe(true);
    for (const other of [
      "copy t to stdout",
      "copy t from '/stdin'",
      "begin; copy t from stdin",
      "select 'copy t from stdin'",
    ])
      expect(isCopyFromStdin(other)).toBe(false);
  });
});

describe("what a statement may leave behind", () => {
  it.each([
    ["select 1", []],
    ["update t set a = 1", []],
    ["set local role authenticated", []],
    ["set transaction read only", []],
    ["set constraints all deferred", []],
    ["set search_path = x", [{ kind: "setting" }]],
    ["set session statement_timeout = 1", [{ kind: "setting" }]],
    ["set session characteristics as transaction read only", [{ kind: "setting" }]],
    ["set app.user_id = '7'", [{ kind: "setting", custom: "app.user_id" }]],
    ["reset all", [{ kind: "setting" }]],
    ["select set_config('app.x', $1, true)", []],
    ["select set_config('role', $1, true), set_config('app.x', $2, false)", [{ kind: "setting", custom: "app.x" }]],
    ["select set_config($1, $2, $3)", [{ kind: "setting" }]],
    ["create temporary table t (a int)", [{ kind: "temp" }]],
    ["select pg_advisory_lock(1)", [{ kind: "trace" }]],
    ["select pg_advisory_xact_lock(1)", []],
    ["prepare p as select 1", [{ kind: "trace" }]],
    ["prepare transaction 'x'", []],
    ["unlisten *", [{ kind: "unlisten" }]],
    ['unlisten "A b"', [{ kind: "unlisten", channel: "A b" }]],
    ["discard all", [{ kind: "unlisten" }, { kind: "setting" }, { kind: "trace" }]],
  ])("%s", (sql, effects) => expect(effectsOf(sql)).toEqual(effects));
});

describe("a session's settings", () => {
  it("come from the start-up message's fields and options, encoding in UTF-8 aside", () => {
    const startup = new Map([
      ["user", "neon"],
      ["database", "neondb"],
      ["client_encoding", "UTF8"],
      ["application_name", "mine"],
      ["options", "-c statement_timeout=5s -cwork_mem=4MB --search-path=a\\ b"],
    ]);
    expect(Object.fromEntries(settingsFromStartup(startup))).toEqual({
      application_name: "mine",
      statement_timeout: "5s",
      work_mem: "4MB",
      search_path: "a b",
    });
  });

  it("have one key whatever their order, and none when there are none", () => {
    const entries: [string, string][] = [
      ["a", "1"],
      ["b", "2"],
    ];
    expect(settingsKey(new Map(entries))).toBe(settingsKey(new Map(entries.toReversed())));
    expect(settingsKey(new Map())).toBe("");
  });

  it("are applied with the role last and every value quoted", () => {
    const sql = applySettingsSql(
      new Map([
        ["role", "anon"],
        ["app.x", "it's \\ fine"],
      ]),
    );
    expect(sql).toBe(
      "SET SESSION AUTHORIZATION neon; RESET ALL; SELECT set_config('app.x',  E'it''s \\\\ fine', false); SELECT set_config('role', 'anon', false)",
    );
  });

  it("leave out what a fresh session has", () => {
    expect([
      ...settingsFromRows([
        ["session_authorization", "neon"],
        ["role", "none"],
        ["app.x", null],
        ["app.y", ""],
        ["work_mem", "4096"],
      ]),
    ]).toEqual([["work_mem", "4096"]]);
  });
});

describe("HTTP parameters", () => {
  it("become text as Neon makes it", () => {
    expect([null, "as is", true, 1.5, { a: 1 }, [1, null, 'a"b\\', [true]], [{ a: 1 }]].map(encodeParameter)).toEqual([
      null,
      "as is",
      "true",
      "1.5",
      '{"a":1}',
      '{1,NULL,"a\\"b\\\\",{true}}',
      '{"{\\"a\\":1}"}',
    ]);
  });
});
