import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ScrapedListing } from "../../src/listings/index.ts";
import { columns } from "../../src/listings/columns.ts";
import { house } from "./house.ts";
import { type ListingsBench, startBench } from "./support.ts";

let bench: ListingsBench;
beforeAll(async () => {
  bench = await startBench({ houses: 1 });
});
afterAll(() => bench[Symbol.asyncDispose]());

const repository = () => bench.integration.listings.repository;

/** Few keys and few values, so that batches meet the same listings, changed and unchanged. */
const listing = fc
  .record({
    sourceKey: fc.constantFrom("a", "b", "c", "d", "e", "f"),
    price: fc.constantFrom(100_000, 200_000.5),
    title: fc.constantFrom("A house", "Ein Häuschen 🏡", "O'Brien's; drop table listings; --"),
    bathrooms: fc.constantFrom(null, 1.75),
    waterfront: fc.boolean(),
  })
  .map((facts): ScrapedListing => ({ ...house, ...facts }));
const batch = fc.array(listing, { maxLength: 8 });

async function stored(source: string): Promise<Map<string, object>> {
  const fields = columns.map(({ field, column, cast }) => `${column}${cast ? `::${cast}` : ""} as "${field}"`);
  const rows = await bench.integration.neon.query<ScrapedListing>(
    `select ${fields.join(", ")} from listings where source = $1`,
    [source],
  );
  return new Map(rows.map((row) => [row.sourceKey, row]));
}

async function openSession(source: string): Promise<string> {
  const rows = await bench.integration.neon.query<{ id: string }>(
    "insert into scraping_sessions (source) values ($1) returning id",
    [source],
  );
  return rows[0]!.id;
}

describe("upsertPage", () => {
  it("leaves the database as a map from key to the last word on it, and counts what changed", async () => {
    let run = 0;
    const check = async (batches: ScrapedListing[][]) => {
      const source = `property-${++run}`;
      const sessionId = await openSession(source);
      const model = new Map<string, ScrapedListing>();
      for (const [index, listings] of batches.entries()) {
        const page = { sessionId, url: `/listings?page=${index}`, hash: "h" };
        const last = new Map(listings.map((each) => [each.sourceKey, each]));
        const expected = { inserted: 0, updated: 0, unchanged: 0 };
        for (const [key, each] of last) {
          const known = model.get(key);
          const same = known !== undefined && JSON.stringify(known) === JSON.stringify(each);
          expected[known === undefined ? "inserted" : same ? "unchanged" : "updated"] += 1;
          model.set(key, each);
        }
        expect(await repository().upsertPage(source, listings, page)).toEqual(expected);
        // A retry of the same statement finds nothing to do.
        expect(await repository().upsertPage(source, listings, page)).toEqual({
          ...{ inserted: 0, updated: 0, unchanged: last.size },
        });
      }
      expect(await stored(source)).toEqual(model);
    };
    await fc.assert(fc.asyncProperty(fc.array(batch, { maxLength: 5 }), check), { numRuns: 30 });
  });

  it("tells a run again what it wrote when the first answer was lost, and the next run that nothing changed", async () => {
    const { neon } = bench.integration;
    const sessionId = await openSession("untold");
    const first = { sessionId, url: "/listings?page=1", hash: "h1" };
    await repository().upsertPage("untold", [house], first);
    const now = async () => (await neon.query<{ at: string }>("select now()::text as at"))[0]!.at;
    const since = await now();
    const changed = { ...house, price: house.price + 1 };
    const page = { ...first, hash: "h2", since };
    const rows = [changed, { ...house, sourceKey: "new" }];
    const written = { inserted: 1, updated: 1, unchanged: 0 };
    expect(await repository().upsertPage("untold", rows, page)).toEqual(written);
    expect(await repository().upsertPage("untold", rows, page)).toEqual(written);
    // A third time as well: to be told again is no writing.
    expect(await repository().upsertPage("untold", rows, page)).toEqual(written);
    const unchanged = { inserted: 0, updated: 0, unchanged: 2 };
    expect(await repository().upsertPage("untold", rows, { ...page, since: await now() })).toEqual(unchanged);
  });

  it("marks a page as done in the same statement, an empty one too", async () => {
    const sessionId = await openSession("marks");
    await repository().upsertPage("marks", [], { sessionId, url: "/listings?page=1", hash: "h1" });
    await repository().upsertPage("marks", [house], { sessionId, url: "/listings?page=2", hash: "h2" });
    const pages = await bench.integration.neon.query(
      "select url, status, page_hash, listings_count from scraped_pages where source = 'marks' order by url",
    );
    expect(pages).toEqual([
      { url: "/listings?page=1", status: "done", page_hash: "h1", listings_count: 0 },
      { url: "/listings?page=2", status: "done", page_hash: "h2", listings_count: 1 },
    ]);
  });

  it("stores neither listings nor mark when one of them cannot be stored", async () => {
    const sessionId = await openSession("atomic");
    const page = { sessionId, url: "/listings?page=1", hash: "h" };
    const broken = { ...house, sourceKey: "broken", price: -5 };
    await expect(repository().upsertPage("atomic", [house, broken], page)).rejects.toMatchObject({ sqlState: "23514" });
    expect(await stored("atomic")).toEqual(new Map());
    expect(await bench.integration.neon.query("select from scraped_pages where source = 'atomic'")).toHaveLength(0);
  });

  it("is not stopped by another page that has the same listings", async () => {
    const sessionId = await openSession("crossed");
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    const listings = keys.map((sourceKey) => ({ ...house, sourceKey }));
    const upsert = (rows: ScrapedListing[], page: number) =>
      repository().upsertPage("crossed", rows, { sessionId, url: `/listings?page=${page}`, hash: "h" });
    const counts = await Promise.all(
      [1, 2, 3, 4].map((page) => upsert(page % 2 ? listings : listings.toReversed(), page)),
    );
    expect(counts.reduce((sum, { inserted }) => sum + inserted, 0)).toBe(20);
  });
});

describe("storeEmbeddings", () => {
  it("drops the embedding of content that changed meanwhile, which comes again", async () => {
    const sessionId = await openSession("stale");
    const upsert = (title: string) =>
      repository().upsertPage("stale", [{ ...house, title }], { sessionId, url: "/listings?page=1", hash: "h" });
    await bench.integration.neon.query("delete from listings");
    await upsert("before");
    const [pending] = await repository().pendingEmbeddings("m", 10);
    expect(pending!.text).toMatch(/^before\. /);
    await upsert("after");
    const vector = Array.from({ length: 512 }, () => 0.5);
    expect(await repository().storeEmbeddings("m", [{ ...pending!, vector }])).toBe(0);
    const [again] = await repository().pendingEmbeddings("m", 10);
    expect(again!.text).toMatch(/^after\. /);
    expect(await repository().storeEmbeddings("m", [{ ...again!, vector }])).toBe(1);
    expect(await repository().pendingEmbeddings("m", 10)).toEqual([]);
    expect(await repository().pendingEmbeddings("another model", 10)).toHaveLength(1);
    expect(await repository().count("stale")).toEqual({ listings: 1, embedded: 1 });
  });
});
