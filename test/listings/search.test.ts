import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SearchRequest } from "../../src/listings/index.ts";
import { type ListingsBench, startBench } from "./support.ts";

let bench: ListingsBench;
beforeAll(async () => {
  bench = await startBench({ houses: 80, pageSize: 20 });
  const description = "Its four sails made flour until 1930. Round rooms, thick walls.";
  bench.houses[17] = { ...bench.houses[17]!, title: "Converted windmill", description };
  await bench.integration.listings.scrape({ source: "site", url: bench.stack.siteUrl });
});
afterAll(() => bench[Symbol.asyncDispose]());

const search = (request: SearchRequest) => bench.integration.listings.search(request);
const refused = (message: RegExp) => ({ code: "INVALID_INPUT", message: expect.stringMatching(message) as string });

describe("search in words", () => {
  it.each(["hybrid", "vector"] as const)("ranks by meaning in mode %s, scores falling from at most 1", async (mode) => {
    const hits = await search({ text: "a house right at the water", mode, limit: 20 });
    expect(hits).toMatchObject({ mode, words: "a house right at the water", filters: {} });
    expect(hits).toHaveLength(20);
    const scores = hits.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
  });

  it("finds by meaning what shares no word with the question", async () => {
    const [first] = await search({
      text: "old building where grain was ground by the breeze",
      mode: "vector",
      limit: 1,
    });
    expect(first!.title).toBe("Converted windmill");
  });

  it("prefers the hit that also has the words", async () => {
    const { integration, houses } = bench;
    const [target] = await integration.neon.query<{ id: string }>(
      `update listings set title = 'Zeppelin hangar' where source_key = $1 returning id`,
      [houses[5]!.sourceKey],
    );
    const [first] = await search({ text: "zeppelin", limit: 1 });
    expect(first!.id).toBe(target!.id);
  });

  it("takes the hard facts out of the words, and a filter that is given outweighs one that is read", async () => {
    const hits = await search({ text: "3 bedroom house under 500k", limit: 100 });
    expect(hits).toMatchObject({ filters: { minBedrooms: 3, maxPrice: 500_000 }, words: "house" });
    const matching = bench.houses.filter(({ price, bedrooms }) => price <= 500_000 && bedrooms >= 3);
    expect(hits.map(({ sourceKey }) => sourceKey).sort()).toEqual(matching.map(({ sourceKey }) => sourceKey).sort());
    expect((await search({ text: "house under 500k", maxPrice: 300_000 })).filters).toEqual({ maxPrice: 300_000 });
  });

  it("compares only vectors of the model that is asked", async () => {
    const { integration, houses } = bench;
    const key = houses[70]!.sourceKey;
    const model = integration.config.ollama.embedModel;
    const set = (name: string) =>
      integration.neon.query("update listings set embedding_model = $1 where source_key = $2", [name, key]);
    await set("another-model");
    const hits = await search({ text: "house", mode: "vector", limit: 100 });
    await set(model);
    expect(hits).toHaveLength(79);
    expect(hits.map(({ sourceKey }) => sourceKey)).not.toContain(key);
  });
});

describe("search by facts", () => {
  it.each<SearchRequest>([
    { minPrice: 400_000 },
    { maxPrice: 400_000, minBathrooms: 2 },
    { minPrice: 200_000, maxPrice: 800_000, minBedrooms: 4 },
    { waterfront: false },
    { source: "site" },
    { source: "elsewhere" },
    { sourcePrefix: "si" },
    { sourcePrefix: "s%" },
    { zipcode: "98103" },
    {},
  ])("finds what the facts say, cheapest first: %j", async (filters) => {
    const hits = await search({ ...filters, limit: 100 });
    expect(hits).toMatchObject({ mode: "filters", words: "", filters });
    const { minPrice = 0, maxPrice = Infinity, minBedrooms = 0, minBathrooms = 0 } = filters;
    const expected = bench.houses.filter(
      (house) =>
        house.price >= minPrice &&
        house.price <= maxPrice &&
        house.bedrooms >= minBedrooms &&
        house.bathrooms >= minBathrooms &&
        (filters.zipcode === undefined || house.zipcode === filters.zipcode) &&
        (filters.waterfront === undefined || house.waterfront === filters.waterfront) &&
        (filters.source === undefined || filters.source === "site") &&
        (filters.sourcePrefix === undefined || "site".startsWith(filters.sourcePrefix)),
    );
    expect(hits.map(({ price }) => price)).toEqual(expected.map(({ price }) => price).sort((a, b) => a - b));
    expect(hits.every(({ score }) => score === 0)).toBe(true);
  });
});

describe("the request", () => {
  it("is limited to between 1 and 100 hits, 10 by default", async () => {
    expect(await search({})).toHaveLength(10);
    expect(await search({ limit: 1 })).toHaveLength(1);
    expect(await search({ text: "house", limit: 100 })).toHaveLength(80);
    for (const limit of [0, 101, 1.5, -1, NaN, Infinity, "10" as never])
      await expect(search({ limit })).rejects.toMatchObject(refused(/limit .* 1 to 100/));
  });

  it.each([
    [{ minPrice: -1 }, /minPrice .* is -1/],
    [{ maxPrice: Infinity }, /maxPrice/],
    [{ minBedrooms: NaN }, /minBedrooms/],
    [{ maxPrice: "700000" }, /maxPrice must be a number/],
    [{ waterfront: "true" }, /waterfront must be a boolean/],
    [{ zipcode: 98103 }, /zipcode must be a string/],
    [{ zipcode: "98\0" }, /zipcode .* NUL/],
    [{ source: { $ne: "" } }, /source must be a string/],
    [{ text: 5 }, /text/],
    [{ mode: "sql" }, /mode/],
    [{ minPrice: -1, limit: 0, mode: "" }, /mode.*limit.*minPrice/],
  ])("is refused when it says %j", async (wrong, message) => {
    await expect(search(wrong as SearchRequest)).rejects.toMatchObject(refused(message));
  });

  it("is data, whatever it says", async () => {
    const hostile = [
      "'; drop table listings; --",
      "$1 $2 $999",
      "' or '1'='1",
      "house') union select * from market_alerts --",
      "\\'; select pg_sleep(10); --",
      "& | ! ( ) : * <-> '",
      "a&b|c!d <-> e:*",
      "the of and",
      "\0house\0",
      "\ud800 house",
      "ﷺ ￾￿ ̡͓̞ͅI̗c҉͔̫͖͓͇͖ͅh̵̤̣͚͔á̗̼͕ͅo̼̣̥s̱͈̺̖̦̻͢",
      "👩‍👩‍👧‍👦 🏳️‍🌈 ١٢٣ 田中さん בְּרֵאשִׁית",
      "${process.env.HOME} {{7*7}} %s %n <script>alert(1)</script>",
      "../../etc/passwd\r\nSet-Cookie: a=b",
      "NULL undefined NaN Infinity true",
      "x".repeat(5_000),
      "under $".repeat(500),
    ];
    for (const text of hostile) {
      const hits = await search({ text, limit: 3 });
      expect(
        hits.every(({ score }) => score >= 0 && score <= 1),
        text,
      ).toBe(true);
      expect(await search({ zipcode: text.replaceAll(/[\0\ud800]/g, "") })).toHaveLength(0);
    }
    expect(await bench.integration.listings.repository.count()).toEqual({ listings: 80, embedded: 80 });
  });

  it("is data for any text and any facts", async () => {
    const request = fc.record(
      {
        text: fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ maxLength: 60 })),
        maxPrice: fc.nat(2_000_000),
        zipcode: fc.string({ unit: "grapheme", maxLength: 10 }).filter((text) => !text.includes("\0")),
        limit: fc.integer({ min: 1, max: 100 }),
      },
      { requiredKeys: [] },
    );
    const check = async (each: SearchRequest) => {
      const hits = await search(each);
      expect(hits.length).toBeLessThanOrEqual(each.limit ?? 10);
      expect(hits.every(({ price }) => price <= (each.maxPrice ?? Infinity))).toBe(true);
    };
    await fc.assert(fc.asyncProperty(request, check), { numRuns: 40 });
  });
});

describe("what is switched off", () => {
  const off = (variable: string) => bench.integrate({ [variable]: "false" }).listings;
  const disabled = (variable: string) => ({
    code: "FEATURE_DISABLED",
    message: expect.stringContaining(variable) as string,
  });

  it("is said with the variable's name", async () => {
    const vector = off("ENABLE_VECTOR_SEARCH");
    await expect(vector.search({ text: "house" })).rejects.toMatchObject(disabled("ENABLE_VECTOR_SEARCH"));
    expect(await vector.search({ maxPrice: 300_000 })).toMatchObject({ mode: "filters" });
    const semantic = off("ENABLE_SEMANTIC_SEARCH");
    const hybrid = semantic.search({ text: "house", mode: "hybrid" });
    await expect(hybrid).rejects.toMatchObject(disabled("ENABLE_SEMANTIC_SEARCH"));
    expect(await semantic.search({ text: "house" })).toMatchObject({ mode: "vector" });
  });
});
