import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recount } from "../../examples/quickstart/recount.ts";
import { type ListingsBench, startBench } from "../listings/support.ts";

let bench: ListingsBench;
beforeAll(async () => {
  bench = await startBench({ houses: 30, pageSize: 15 });
  await bench.integration.listings.scrape({ source: "counted", url: bench.stack.siteUrl });
  // The rule that makes duplicates impossible must not stand in the way of looking for them.
  await bench.integration.neon.query("alter table listings drop constraint listings_source_source_key_key");
});
afterAll(() => bench[Symbol.asyncDispose]());

const counted = () => recount(bench.integration, "counted", bench.houses);
const right = { listings: 30, embedded: 30, duplicates: 0, lost: 0 };

/** Damages the table, counts, and mends it again. */
async function countedAfter(...statements: (readonly [text: string, params?: unknown[]])[]) {
  const { neon } = bench.integration;
  await neon.query("create table kept as select * from listings");
  try {
    for (const [text, params = []] of statements) await neon.query(text, params);
    return await counted();
  } finally {
    const names = await neon.query<{ names: string }>(
      `select string_agg(quote_ident(attname), ', ') as names from pg_attribute
        where attrelid = 'listings'::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
    );
    const columns = names[0]!.names;
    await neon.query("delete from listings");
    await neon.query(`insert into listings (${columns}) select ${columns} from kept`);
    await neon.query("drop table kept");
  }
}

describe("the demo's recount", () => {
  const key = () => bench.houses[7]!.sourceKey;

  it("finds nothing wrong where nothing is wrong", async () => {
    expect(await counted()).toEqual(right);
    expect(await countedAfter()).toEqual(right);
    expect(await counted()).toEqual(right);
  });

  it("misses a house whose row is gone", async () => {
    const found = await countedAfter(["delete from listings where source_key = $1", [key()]]);
    expect(found).toEqual({ listings: 29, embedded: 29, duplicates: 0, lost: 1 });
  });

  it.each([
    "price = price + 0.01",
    "bedrooms = bedrooms + 1",
    "bathrooms = null",
    "sqft_living = sqft_living - 1",
    "sqft_lot = sqft_lot + 1",
    "floors = 9",
    "waterfront = not waterfront",
    "view_rating = (view_rating + 1) % 5",
    "condition_rating = condition_rating % 5 + 1",
    "grade = grade + 1",
    "year_built = 1850",
    "year_renovated = 2001",
    "zipcode = '00000'",
    "latitude = latitude + 0.0001",
    "longitude = null",
    "title = title || '.'",
    "description = ''",
  ])("calls a house lost whose row says otherwise: %s", async (change) => {
    const found = await countedAfter([`update listings set ${change} where source_key = $1`, [key()]]);
    expect(found).toEqual({ listings: 29, embedded: 29, duplicates: 0, lost: 1 });
  });

  it("sees a row that belongs to no house", async () => {
    const found = await countedAfter(["update listings set source_key = 'stranger' where source_key = $1", [key()]]);
    expect(found).toEqual({ listings: 29, embedded: 29, duplicates: 1, lost: 1 });
  });

  it("sees a house that is there twice, and one whose second row differs", async () => {
    const copy = `insert into listings (source, source_key, title, description, price, content_hash)
                  select source, source_key, title, description, price, content_hash from listings where source_key = $1`;
    expect(await countedAfter([copy, [key()]], [copy, [bench.houses[8]!.sourceKey]])).toEqual({
      ...right,
      duplicates: 2,
    });
  });

  it.each(["embedding = null", "embedding_hash = 'old'", "embedding_hash = null"])(
    "does not call a house embedded with %s",
    async (change) => {
      const found = await countedAfter([`update listings set ${change} where source_key = $1`, [key()]]);
      expect(found).toEqual({ ...right, embedded: 29 });
    },
  );

  it("leaves other sources out of account", async () => {
    await bench.integration.listings.scrape({ source: "other", url: bench.stack.siteUrl, maxPages: 1 }).catch(() => 0);
    expect(await counted()).toEqual(right);
  });
});
