import { describe, expect, it } from "vitest";
import { table } from "../../src/cli/table.ts";

describe("table", () => {
  const rows = [
    ["NEON_POOL_SIZE", "20", "Connections in the main pool of this process."],
    ["PORT", "3000", "Port."],
  ];

  it("aligns its columns and leaves the last one whole for programs", () => {
    expect(table(rows, Infinity)).toBe(
      "NEON_POOL_SIZE  20    Connections in the main pool of this process.\nPORT            3000  Port.",
    );
  });

  it("wraps the last column below itself in a terminal", () => {
    expect(table(rows, 54).split("\n")).toEqual([
      "NEON_POOL_SIZE  20    Connections in the main pool of",
      "                      this process.",
      "PORT            3000  Port.",
    ]);
  });

  it("leaves the wrapping to a terminal that is too narrow for it", () => {
    expect(table(rows, 40)).toBe(table(rows, Infinity));
  });

  it("keeps a word that is longer than the line", () => {
    const long = "x".repeat(50);
    expect(table([["A", `an ${long} b`]], 33).split("\n")).toEqual(["A  an", `   ${long}`, "   b"]);
  });

  it("has nothing to say about nothing", () => {
    expect(table([])).toBe("");
  });
});
