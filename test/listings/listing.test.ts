import { describe, expect, it } from "vitest";
import { contentHash, type ScrapedListing, validateRows } from "../../src/listings/listing.ts";
import { vectorText } from "../../src/listings/repository.ts";

export const house: ScrapedListing = {
  sourceKey: "kc-1",
  url: "/listings/kc-1",
  title: "Older waterfront home",
  description: "Built in 1924.",
  price: 640_000,
  bedrooms: 3,
  bathrooms: 1.75,
  sqftLiving: 1_800,
  sqftLot: 12_000,
  floors: 1.5,
  waterfront: true,
  view: 4,
  condition: 3,
  grade: 7,
  yearBuilt: 1924,
  yearRenovated: null,
  zipcode: "98103",
  latitude: 47.6,
  longitude: -122.3,
};

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
