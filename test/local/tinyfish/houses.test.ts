import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readHouses } from "../../../src/local/tinyfish/index.ts";

const sample = new URL("../../../data/king-county-sample.csv", import.meta.url).pathname;
let folder: string;
let lines: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "houses-"));
  lines = (await readFile(sample, "utf8")).trimEnd().split("\n");
});
afterAll(() => rm(folder, { recursive: true }));

async function read(rows: readonly string[], header = lines[0]!) {
  const path = join(folder, "houses.csv");
  await writeFile(path, [header, ...rows].join("\n"));
  return readHouses(path);
}

describe("readHouses", () => {
  it("reads the whole sample without a problem, each row with a key of its own", async () => {
    const { houses, problems } = await readHouses(sample);
    expect(problems).toEqual([]);
    expect(houses).toHaveLength(2000);
    expect(new Set(houses.map((house) => house.sourceKey)).size).toBe(2000);
  });

  it("turns a row into typed facts", async () => {
    const { houses } = await read([lines[1]!]);
    expect(houses[0]).toMatchObject({
      price: 221_900,
      bedrooms: 3,
      bathrooms: 1,
      sqftLiving: 1180,
      sqftLot: 5650,
      waterfront: false,
      yearBuilt: 1955,
      yearRenovated: null,
      zipcode: "98178",
      latitude: 47.5112,
      longitude: -122.257,
    });
    expect(houses[0]!.sourceKey).toMatch(/^kc-[0-9a-f]{16}-1$/);
    expect(houses[0]!.url).toBe(`/listings/${houses[0]!.sourceKey}`);
  });

  it("says in words what the numbers say, and nothing else", async () => {
    const row = "900000.00,2,1.5,800,50000,1,1,4,5,11,800,0,1905,1991,98070,47.4,-122.4,1000,9000";
    const { houses } = await read([row, lines[1]!]);
    expect(houses[0]!.description).toMatch(
      /very big lot of 1.1 acres.*renovated in 1991.*very good condition.*luxury.*at the water.*excellent view/i,
    );
    expect(houses[0]!.title).toBe("Historic older waterfront house with 2 bedrooms and a great view in 98070");
    expect(houses[1]!.description).not.toMatch(/waterfront|view|renovated|big lot|new/);
  });

  it("reports broken rows with their line and reads the rest", async () => {
    const good = lines[1]!;
    const { houses, problems } = await read([
      good,
      good.replace("221900.00", "-5"),
      good.replace("221900.00", "cheap"),
      `${good},extra`,
      good.split(",").slice(0, 5).join(","),
      good.replace("98178", "9817"),
      good.replace("221900.00", '"221900.00'),
      good.replace(",1955,0,", ",1955,1900,"),
      good.replace("221900.00,3,", "221900.00,2.5,"),
      "",
      `${good}\r`,
    ]);
    expect(houses).toHaveLength(2);
    expect(problems.map(({ line }) => line)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
    expect(problems.map(({ problem }) => problem)).toEqual([
      expect.stringContaining('price "-5" is out of range'),
      'price "cheap" is not a number',
      "has 20 fields instead of 19",
      "has 5 fields instead of 19",
      'zipcode "9817" is not a five-digit zip code',
      expect.stringContaining("is not CSV"),
      "yr_renovated 1900 lies before yr_built 1955",
      'bedrooms "2.5" is not a whole number',
    ]);
  });

  it("names every missing column in one error", async () => {
    await expect(read([], "price,bedrooms,lat,long")).rejects.toThrow(/lacks the columns bathrooms, sqft_living/);
  });

  it("reads reordered, quoted and additional columns to the same identity", async () => {
    const names = lines[0]!.split(",");
    const fields = lines[1]!.split(",");
    const header = ["note", ...names.toReversed()].join(",");
    const row = ['"sold, twice"', ...fields.toReversed().map((field) => `"${field}"`)].join(",");
    const { houses, problems } = await read([row], header);
    expect(problems).toEqual([]);
    expect(houses).toEqual((await read([lines[1]!])).houses);
  });

  it("tells identical rows apart, and keeps every key whatever the order of the rows", async () => {
    const rows = [lines[1]!, lines[2]!, lines[1]!, lines[3]!, lines[1]!];
    const keys = async (order: readonly string[]) => (await read(order)).houses.map((house) => house.sourceKey).sort();
    const expected = await keys(rows);
    expect(new Set(expected).size).toBe(5);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(rows, { minLength: 5 }), async (order) => {
        expect(await keys(order)).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });
});
