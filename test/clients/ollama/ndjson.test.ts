import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NdjsonParser } from "../../../src/clients/ollama/ndjson.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function parse(bytes: Uint8Array, cuts: readonly number[]): unknown[] {
  const parser = new NdjsonParser();
  const values: unknown[] = [];
  let from = 0;
  for (const at of [...cuts.map((cut) => cut % (bytes.length + 1))].sort((a, b) => a - b)) {
    values.push(...parser.push(bytes.subarray(from, at)));
    from = at;
  }
  values.push(...parser.push(bytes.subarray(from)), ...parser.end());
  return values;
}

describe("NdjsonParser", () => {
  it("gives the same values however the bytes are sliced, with either line end and blank lines", () => {
    const document = fc.array(fc.tuple(fc.jsonValue(), fc.constantFrom("\n", "\r\n", "\n\n", " \n")));
    fc.assert(
      fc.property(document, fc.array(fc.nat()), fc.boolean(), (entries, cuts, lastLineEnds) => {
        let text = entries.map(([value, end]) => JSON.stringify(value) + end).join("");
        if (!lastLineEnds) text = text.trimEnd();
        const expected = entries.map(([value]) => JSON.parse(JSON.stringify(value)) as unknown);
        expect(parse(encode(text), cuts)).toEqual(expected);
      }),
    );
  });

  it("puts a character together that arrives byte by byte", () => {
    const bytes = encode('{"a":"😀é漢"}\n');
    expect(parse(bytes, [...bytes.keys()])).toEqual([{ a: "😀é漢" }]);
  });

  it("delivers what stood before a malformed line, then fails", () => {
    const parser = new NdjsonParser();
    const seen: unknown[] = [];
    const read = () => {
      for (const value of parser.push(encode('{"a":1}\n{"b":\n{"c":3}\n'))) seen.push(value);
    };
    expect(read).toThrow(expect.objectContaining({ code: "INVALID_OUTPUT", details: { kind: "stream_malformed" } }));
    expect(seen).toEqual([{ a: 1 }]);
  });

  it.each([
    ["half a line", encode('{"a":')],
    ["half a character", encode('"é').subarray(0, 2)],
  ])("calls a stream that ends in %s truncated", (_what, bytes) => {
    expect(() => parse(bytes, [])).toThrow(
      expect.objectContaining({ code: "NETWORK", details: { kind: "stream_truncated" } }),
    );
  });

  it("refuses bytes that are no text", () => {
    expect(() => parse(Uint8Array.of(0x22, 0xff, 0x22, 0x0a), [])).toThrow(/UTF-8/);
  });

  it("never holds more than the longest line allowed, finished or not", () => {
    const parser = new NdjsonParser({ maxLineLength: 10 });
    expect([...parser.push(encode('"12345678"\n'))]).toEqual(["12345678"]);
    expect(() => [...parser.push(encode('"123456789"\n'))]).toThrow(/longer than 10/);
    const slow = new NdjsonParser({ maxLineLength: 10 });
    expect(() => {
      for (let at = 0; at < 11; at += 1) expect([...slow.push(encode("1"))]).toEqual([]);
    }).toThrow(/longer than 10/);
  });

  it("takes a line of ten megabytes and refuses a longer one by default", () => {
    const megabyte = encode("x".repeat(1024 * 1024));
    const parser = new NdjsonParser();
    const feed = (times: number) => {
      for (let at = 0; at < times; at += 1) expect([...parser.push(megabyte)]).toEqual([]);
    };
    expect(() => feed(10)).not.toThrow();
    expect(() => feed(1)).toThrow(expect.objectContaining({ code: "INVALID_OUTPUT" }));
  });
});
