import { describe, expect, it } from "vitest";
import { contentHash, type ScrapedListing, validateRows } from "../../src/listings/listing.ts";
import { vectorText } from "../../src/listings/repository.ts";
import { house } from "./house.ts";

describe("validateRows", () => {
  it("keeps what can be stored and says of each other row why not", () => {
    const { valid, rejected } = validateRows([
      house,
      { ...house, sourceKey: "kc-2", price: -1 },
      { ...house, sourceKey: null, latitude: 900 },
    ]);
    expect(valid).toEqual([house]);
    expect(rejected.map(({ sourceKey }) => sourceKey)).toEqual(["kc-2", "(none)"]);
    expect(rejected[0]!.problems).toEqual([expect.stringMatching(/^price: /)]);
    expect(rejected[1]!.problems).toEqual([
      expect.stringMatching(/^sourceKey: /),
      expect.stringMatching(/^latitude: /),
    ]);
  });

  it("mends text that a database cannot hold, wherever it stands", () => {
    const { valid } = validateRows([{ ...house, title: "A\0 home\ud800", description: "\0", url: "/a\0" }]);
    expect(valid).toEqual([{ ...house, title: "A home\ufffd", description: "", url: "/a" }]);
  });

  it("takes what is not said for no waterfront and no description, but guesses nothing else", () => {
    const { valid, rejected } = validateRows([
      { ...house, waterfront: null, description: null, bedrooms: null },
      { ...house, title: null },
      { ...house, title: "\0" },
    ]);
    expect(valid).toEqual([{ ...house, waterfront: false, description: "", bedrooms: null }]);
    expect(rejected.map(({ problems }) => problems[0]!.split(":")[0])).toEqual(["title", "title"]);
  });
});

describe("contentHash", () => {
  it("does not depend on the order of the fields", () => {
    expect(contentHash(Object.fromEntries(Object.entries(house).reverse()) as ScrapedListing)).toBe(contentHash(house));
  });

  it.each(Object.keys(house))("changes with %s", (field) => {
    expect(contentHash({ ...house, [field]: "other" })).not.toBe(contentHash(house));
  });
});

describe("vectorText", () => {
  it("writes what pgvector reads, without exponents that lose digits", () => {
    expect(vectorText([0.123456789, -1, 0, 1e-9])).toBe("[0.123457,-1,0,1e-9]");
  });
});
