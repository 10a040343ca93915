import { describe, expect, it } from "vitest";
import { z } from "zod";
import { extractiveAnswer } from "../../../src/local/ollama/extractive-answer.ts";
import { readPrompt } from "../../../src/local/ollama/prompt.ts";
import { schemaAnswer } from "../../../src/local/ollama/schema-answer.ts";

const user = (content: string) => readPrompt([{ role: "user", content }]);
const house =
  "The house at 12 Pine Street has 3 bedrooms and 2.5 bathrooms. It was built in 1926. Price: $450,000. There is a garden but no garage. Listed on 2015-05-01 by anna@example.com.";

describe("The extractive answer", () => {
  it("is the sentence of the context that the question is about", () => {
    expect(extractiveAnswer(user(`${house}\nWhen was the house built?`))).toContain("It was built in 1926.");
  });

  it("finds the context in the system message and in earlier turns, not in the assistant's words", () => {
    const prompt = readPrompt([
      { role: "system", content: "Facts: The lake is deep." },
      { role: "assistant", content: "The lake is shallow." },
      { role: "user", content: "How deep is the lake?" },
    ]);
    expect(extractiveAnswer(prompt)).toBe("The lake is deep.");
  });

  it("admits that the context says nothing", () => {
    expect(extractiveAnswer(user("Cats purr. Dogs bark.\nWho painted the ceiling?"))).toBe(
      "The context does not answer this question.",
    );
    expect(extractiveAnswer(user("Who painted the ceiling?"))).toContain("no context");
  });

  it("is the same every time", () => {
    const prompt = user(`${house}\nIs there a garden?`);
    expect(extractiveAnswer(prompt)).toBe(extractiveAnswer(prompt));
  });
});

describe("The answer to a schema", () => {
  const fill = <S extends z.ZodType>(schema: S, text = house): z.output<S> =>
    schema.parse(schemaAnswer(z.toJSONSchema(schema), user(`${text}\nExtract the listing.`)));

  it("takes each value from the context where name and type allow", () => {
    const listing = z.object({
      bedrooms: z.int(),
      bathrooms: z.number(),
      yearBuilt: z.int(),
      price: z.number(),
      garden: z.boolean(),
      garage: z.boolean(),
      pool: z.boolean(),
      listedOn: z.iso.date(),
      contact: z.email(),
    });
    expect(fill(listing)).toEqual({
      bedrooms: 3,
      bathrooms: 2.5,
      yearBuilt: 1926,
      price: 450_000,
      garden: true,
      garage: false,
      pool: false,
      listedOn: "2015-05-01",
      contact: "anna@example.com",
    });
  });

  it("leaves out what is optional and unknown, and is null where that is allowed", () => {
    expect(fill(z.object({ elevators: z.number().optional(), agent: z.string().nullable() }))).toEqual({ agent: null });
  });

  it("conforms to bounds, enums, constants, unions, tuples and nested definitions", () => {
    const room = z.object({ kind: z.enum(["kitchen", "bedroom"]), floor: z.int().min(1).max(3) }).meta({ id: "Room" });
    const schema = z.object({
      version: z.literal(2),
      rooms: z.array(room).min(2).max(4),
      share: z.number().gt(0).lt(1),
      above: z.number().gt(1000),
      note: z.string().min(5).max(12),
      either: z.union([z.number(), z.string()]),
      pair: z.tuple([z.string(), z.number()]),
      tags: z.array(z.string()),
      at: z.iso.datetime(),
    });
    expect(() => fill(schema)).not.toThrow();
    expect(() => fill(schema, "Nothing useful here.")).not.toThrow();
  });

  it("ends on a schema that refers to itself", () => {
    const loop = { type: "object", properties: { next: { $ref: "#" } }, required: ["next"] };
    expect(schemaAnswer(loop, user("x"))).toHaveProperty("next");
  });
});
