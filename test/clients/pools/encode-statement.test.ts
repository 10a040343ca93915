import { PassThrough } from "node:stream";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { encodeStatement } from "../../../src/clients/pools/encode-statement.ts";
import { prepareValue } from "../../../src/clients/pools/prepare-value.ts";

/** What pg itself sends, in its five pieces. */
function byPg(text: string, values: readonly unknown[]): Buffer {
  const stream = new PassThrough({ highWaterMark: 10_000_000 });
  const connection = new pg.Connection({ stream: stream as never });
  const query = new pg.Query({ text, values: [...values], queryMode: "extended" } as pg.QueryConfig);
  query.submit(connection);
  return stream.read() as Buffer;
}

describe("a statement as messages", () => {
  it.each<[string, string, readonly unknown[]]>([
    ["no parameters", "select 1", []],
    ["text beyond ASCII", "select 'Łódź 🏠', $1::text", ["🏠 été"]],
    ["an empty text", "", [""]],
    ["nulls", "select $1, $2", [null, undefined]],
    ["numbers, booleans, big integers", "select $1, $2, $3, $4", [1.5, -0, true, 2n ** 70n]],
    ["dates", "select $1", [new Date(1_700_000_000_123)]],
    ["bytes", "select $1, $2", [Buffer.from([0, 255, 10]), new Uint8Array([1, 2, 3])]],
    [
      "arrays, also nested and with quotes",
      "select $1, $2",
      [
        [1, null, 'a"b\\c'],
        [[1], [2]],
      ],
    ],
    ["objects", "select $1", [{ a: { b: [1] } }]],
    ["objects that say themselves what they are", "select $1", [{ toPostgres: () => "(1,2)" }]],
    ["a large text", "select $1", ["é".repeat(200_000)]],
    ["as many parameters as there may be", "select 1", Array.from({ length: 65_535 }, (_, i) => i)],
  ])("is byte for byte what pg sends: %s", (_, text, values) => {
    expect(Buffer.from(encodeStatement(text, values, prepareValue)).equals(byPg(text, values))).toBe(true);
  });

  it("refuses what the protocol would misread", () => {
    const refused = (text: string, values: readonly unknown[]) => () => encodeStatement(text, values, prepareValue);
    expect(refused("select 1\0; drop table users", [])).toThrow(/INVALID_INPUT|NUL character in its text/);
    expect(
      refused(
        "select 1",
        Array.from({ length: 65_536 }, () => 1),
      ),
    ).toThrow(/65536 parameters, PostgreSQL takes 65535/);
    const circular: { self?: unknown } = {};
    circular.self = circular;
    expect(refused("select $1", [circular])).toThrow(TypeError);
  });
});
