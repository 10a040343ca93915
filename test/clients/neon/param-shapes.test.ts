import { expect, it } from "vitest";
import { describeParams } from "../../../src/clients/neon/param-shapes.ts";

it("tells types and lengths of parameters, never their values", () => {
  const params = ["secret", 4711, null, undefined, [1, 2], Buffer.from("abc"), new Date(0), true, 9n, { a: "secret" }];
  expect(describeParams(params)).toEqual([
    "text(6)",
    "number",
    "null",
    "null",
    "array(2)",
    "bytes(3)",
    "date",
    "boolean",
    "bigint",
    "object",
  ]);
});

it("counts what would make the line too long", () => {
  const shapes = describeParams(Array.from({ length: 60 }, () => 1));
  expect(shapes).toHaveLength(51);
  expect(shapes.at(-1)).toBe("… 10 more");
});
