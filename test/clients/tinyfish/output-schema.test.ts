import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { zodToTinyFishSchema } from "../../../src/clients/tinyfish/index.ts";
import { checkOutputSchema } from "../../../src/local/tinyfish/output-schema.ts";
import { validateResult } from "../../../src/local/tinyfish/validate-result.ts";

const translate = (schema: z.ZodType) => zodToTinyFishSchema(schema).schema;
const property = (schema: z.ZodType) =>
  (translate(z.object({ p: schema }))["properties"] as Record<string, unknown>)["p"];

describe("zodToTinyFishSchema", () => {
  it.each([
    ["nullable", z.string().nullable(), { type: "string", nullable: true }],
    ["nullable enum", z.enum(["a", "b"]).nullable(), { type: "string", enum: ["a", "b"], nullable: true }],
    ["literal", z.literal("a"), { type: "string", enum: ["a"] }],
    ["number literals", z.literal([3, 1]), { type: "number", minimum: 1, maximum: 3 }],
    ["boolean literal", z.literal(true), { type: "boolean" }],
    ["literal with null", z.literal(["a", null]), { type: "string", enum: ["a"], nullable: true }],
    ["null", z.null(), { type: "string", nullable: true }],
    ["safe integer", z.int(), { type: "integer" }],
    ["positive number", z.number().positive().lt(3), { type: "number", minimum: 0, maximum: 3 }],
    ["positive integer", z.int().positive().lt(10), { type: "integer", minimum: 1, maximum: 9 }],
    ["fractional bounds of an integer", z.int().gt(2.5).lt(4.5), { type: "integer", minimum: 3, maximum: 4 }],
    ["text with checks", z.string().min(2).regex(/x/).describe("words"), { type: "string" }],
    ["URL", z.url(), { type: "string" }],
    ["date text", z.iso.date(), { type: "string", format: "date" }],
    ["coerced date", z.coerce.date(), { type: "string", format: "date-time" }],
    ["default", z.number().default(3), { type: "number" }],
    ["transform", z.string().transform((text) => text.length), { type: "string" }],
    [
      "array",
      z.array(z.boolean()).min(1).max(3),
      { type: "array", items: { type: "boolean" }, minItems: 1, maxItems: 3 },
    ],
    [
      "union",
      z.union([z.string(), z.number(), z.null()]),
      { anyOf: [{ type: "string" }, { type: "number" }], nullable: true },
    ],
    [
      "strict object",
      z.strictObject({ a: z.string() }),
      { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
    ],
    ["named part", z.string().meta({ id: "Name" }), { type: "string" }],
    ["anything", z.unknown(), {}],
  ])("rewrites %s", (_, schema, expected) => {
    expect(property(schema)).toEqual(expected);
  });

  it("turns a discriminated union into anyOf", () => {
    const union = z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("a") }),
      z.object({ kind: z.literal("b") }),
    ]);
    expect(property(union)).toMatchObject({
      anyOf: [{ properties: { kind: { enum: ["a"] } } }, { properties: { kind: { enum: ["b"] } } }],
    });
  });

  it("requires what zod requires on the way in", () => {
    const schema = z.object({
      a: z.string(),
      b: z.string().optional(),
      c: z.string().default("x"),
      d: z.string().nullable(),
    });
    expect(translate(schema)["required"]).toEqual(["a", "d"]);
  });

  it.each([
    [
      "a record",
      z.object({ a: z.object({ b: z.record(z.string(), z.number()) }) }),
      /a record is not supported.*#\/properties\/a\/properties\/b/,
    ],
    ["a tuple", z.object({ a: z.tuple([z.string()]) }), /a tuple is not supported.*#\/properties\/a/],
    ["a Date", z.object({ a: z.array(z.date()) }), /a Date .*z\.coerce\.date.*#\/properties\/a\/items/],
    ["a bigint", z.object({ a: z.bigint() }), /a bigint is no JSON value at #\/properties\/a/],
    ["never", z.object({ a: z.never() }), /z\.never\(\) accepts nothing at #\/properties\/a/],
    [
      "several problems at once",
      z.object({ a: z.set(z.string()), b: z.map(z.string(), z.string()) }),
      /a set .*#\/properties\/a; a map .*#\/properties\/b/,
    ],
  ])("refuses %s, naming the path", (_, schema, message) => {
    expect(() => translate(schema)).toThrow(message);
    expect(() => translate(schema)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
  });

  it("refuses recursion, too deep and too large schemas", () => {
    const Node = z.object({
      name: z.string(),
      get children() {
        return z.array(Node);
      },
    });
    expect(() => translate(Node)).toThrow(/recursive schema is not supported/);
    let deep: z.ZodType = z.string();
    for (let level = 0; level < 11; level += 1) deep = z.object({ next: deep });
    expect(() => translate(deep)).toThrow(/deeper than 10 levels/);
    const large = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`property${index}`, z.string()]));
    expect(() => translate(z.object(large))).toThrow(/larger than 64 KB/);
  });

  it("wraps what is no object, and unwraps the result", () => {
    const { schema, unwrap } = zodToTinyFishSchema(z.array(z.string()));
    expect(schema).toEqual({
      type: "object",
      properties: { items: { type: "array", items: { type: "string" } } },
      required: ["items"],
    });
    expect(unwrap({ items: ["a"] })).toEqual(["a"]);
    expect(unwrap(null)).toBeUndefined();
    const optional = zodToTinyFishSchema(z.object({ a: z.string() }).nullable());
    expect(Object.keys(optional.schema["properties"] as object)).toEqual(["value"]);
  });

  /** A schema and values that zod accepts by it. */
  interface Sample {
    readonly schema: z.ZodType;
    readonly value: fc.Arbitrary<unknown>;
  }
  const name = fc.stringMatching(/^[a-z][a-zA-Z_]{0,6}$/);
  const leaves: Sample[] = [
    { schema: z.string(), value: fc.string() },
    { schema: z.string().min(1).max(9), value: fc.string({ minLength: 1, maxLength: 9, unit: "grapheme-ascii" }) },
    { schema: z.number().gt(-5).lt(5), value: fc.double({ min: -4, max: 4, noNaN: true }) },
    { schema: z.int().positive(), value: fc.integer({ min: 1 }) },
    { schema: z.boolean(), value: fc.boolean() },
    { schema: z.enum(["a", "b"]), value: fc.constantFrom("a", "b") },
    { schema: z.literal([1, 2, "x", null]), value: fc.constantFrom(1, 2, "x", null) },
    { schema: z.null(), value: fc.constant(null) },
    { schema: z.iso.date(), value: fc.constant("2014-05-02") },
    { schema: z.unknown(), value: fc.jsonValue() },
  ];
  const sample: fc.Arbitrary<Sample> = fc.letrec<{ node: Sample; object: Sample }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3, depthIdentifier: "schema" },
      fc.constantFrom(...leaves),
      tie("object"),
      tie("node").map(({ schema, value }) => ({ schema: schema.nullable(), value: fc.option(value) })),
      tie("node").map(({ schema, value }) => ({ schema: z.array(schema), value: fc.array(value, { maxLength: 3 }) })),
      fc.tuple(tie("node"), tie("node")).map(([one, other]) => ({
        schema: z.union([one.schema, other.schema]),
        value: fc.oneof(one.value, other.value),
      })),
    ),
    object: fc.dictionary(name, tie("node"), { maxKeys: 4, noNullPrototype: true }).map((shape) => ({
      schema: z.object(Object.fromEntries(Object.entries(shape).map(([key, { schema }]) => [key, schema]))),
      value: fc.record(Object.fromEntries(Object.entries(shape).map(([key, { value }]) => [key, value]))),
    })),
  })).node;

  it("only ever says what the service takes, and what every value that zod accepts satisfies", () => {
    fc.assert(
      fc.property(
        sample.chain(({ schema, value }) => value.map((each) => ({ schema, value: each }))),
        ({ schema, value }) => {
          const translated = zodToTinyFishSchema(schema);
          expect(checkOutputSchema(translated.schema)).toEqual([]);
          const properties = translated.schema["properties"] as Record<string, unknown>;
          const isWrapped = translated.unwrap({ items: 1, value: 1 }) === 1;
          const result = isWrapped ? { [Object.keys(properties)[0]!]: value } : value;
          expect(validateResult(result, translated.schema)).toEqual([]);
          expect(schema.safeParse(translated.unwrap(result)).success).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
