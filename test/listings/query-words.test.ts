import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitQuery } from "../../src/listings/query-words.ts";

describe("splitQuery", () => {
  it.each([
    [
      "older home near the water with a big lot under 700k",
      { maxPrice: 700_000 },
      "older home near the water with a big lot",
    ],
    ["3 bedroom house below $650,000", { minBedrooms: 3, maxPrice: 650_000 }, "house"],
    ["at least 2.5 baths, over 1.2m", { minBathrooms: 2.5, minPrice: 1_200_000 }, ","],
    ["between 300k and 500k with a view", { minPrice: 300_000, maxPrice: 500_000 }, "with a view"],
    ["between 300 and 500k with a view", { minPrice: 300_000, maxPrice: 500_000 }, "with a view"],
    ["quiet garden in 98103", { zipcode: "98103" }, "quiet garden"],
    ["up to 1 million, 4-bed", { maxPrice: 1_000_000, minBedrooms: 4 }, ","],
    ["a house over 2000 sqft", {}, "a house over 2000 sqft"],
    ["waterfront", {}, "waterfront"],
    ["", {}, ""],
  ])("reads %j", (text, filters, words) => {
    expect(splitQuery(text)).toEqual({ filters, words });
  });

  it("never throws, and filters are finite numbers or zip codes", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        const { filters, words } = splitQuery(text);
        expect(words.length).toBeLessThanOrEqual(text.length);
        for (const value of Object.values(filters))
          expect(typeof value === "string" || Number.isFinite(value)).toBe(true);
      }),
    );
  });

  it("stays quick on hostile text", () => {
    const hostile = ["under ".repeat(400), "9".repeat(2000), "between 1 and ".repeat(150), "$".repeat(2000)];
    for (const text of hostile) expect(splitQuery(text).words.length).toBeLessThanOrEqual(2000);
  });
});
