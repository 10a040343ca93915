import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ScrapeProgress } from "../../src/listings/index.ts";
import { expectedRows, type ListingsBench, rowsOf, startBench } from "./support.ts";

let bench: ListingsBench;
beforeAll(async () => {
  bench = await startBench({ houses: 60, pageSize: 10 });
});
afterAll(() => bench[Symbol.asyncDispose]());

const facts = { id: expect.any(String) as string, version: expect.any(String) as string };

describe("scrape", () => {
  it("stores and embeds every listing of every page, and tells how it goes", async () => {
    const { integration, stack, houses } = bench;
    const seen: ScrapeProgress[] = [];
    const result = await integration.listings.scrape({
      source: "all",
      url: stack.siteUrl,
      onProgress: (progress) => seen.push(progress),
    });
    expect(result).toEqual({
      sessionId: expect.any(String) as string,
      ...{ resumed: false, pagesTotal: 6, pagesScraped: 6, pagesSkipped: 0 },
      ...{ inserted: 60, updated: 0, unchanged: 0, embedded: 60, rejected: [] },
    });
    expect(await rowsOf(integration, "all")).toEqual(expectedRows(houses).map((row) => ({ ...row, ...facts })));
    expect(seen.at(-1)).toEqual({ pagesDone: 6, pagesTotal: 6, stored: 60, unchanged: 0, embedded: 60 });
    for (const [index, now] of seen.entries()) {
      const before = seen[index - 1] ?? now;
      expect(now.pagesDone >= before.pagesDone && now.stored >= before.stored && now.embedded >= before.embedded).toBe(
        true,
      );
    }
    const [session] = await integration.neon.query(
      "select status, pages_total, pages_done, listings_found, error from scraping_sessions where source = 'all'",
    );
    expect(session).toEqual({ status: "completed", pages_total: 6, pages_done: 6, listings_found: 60, error: null });
  });

  it("keeps every fact of a house", async () => {
    const { integration, houses } = bench;
    const house = houses.find(({ yearRenovated }) => yearRenovated !== null) ?? houses[0]!;
    const [row] = await integration.neon.query<{ id: string }>(
      "select id from listings where source = 'all' and source_key = $1",
      [house.sourceKey],
    );
    const listing = await integration.listings.get(row!.id);
    const { url, ...rest } = house;
    expect(listing).toEqual({ ...rest, id: row!.id, source: "all", url: expect.stringContaining(url) as string });
    expect(await integration.listings.get(crypto.randomUUID())).toBeUndefined();
    expect(await integration.listings.get("'; drop table listings; --")).toBeUndefined();
  });

  it("changes nothing when the same pages are scraped again", async () => {
    const { integration, stack } = bench;
    const before = await rowsOf(integration, "all");
    const again = await integration.listings.scrape({ source: "all", url: stack.siteUrl });
    expect(again).toMatchObject({
      resumed: false,
      pagesScraped: 6,
      inserted: 0,
      updated: 0,
      unchanged: 60,
      embedded: 0,
    });
    expect(await rowsOf(integration, "all")).toEqual(before);
  });

  it("rewrites and embeds only the listings that changed on their page", async () => {
    const { integration, stack, houses } = bench;
    const before = await rowsOf(integration, "all");
    const [cheaper, renamed] = [houses[12]!, houses[47]!];
    houses[12] = { ...cheaper, price: cheaper.price - 1_000 };
    houses[47] = { ...renamed, title: "A lighthouse" };
    const again = await integration.listings.scrape({ source: "all", url: stack.siteUrl });
    expect(again).toMatchObject({ inserted: 0, updated: 2, unchanged: 58, embedded: 2 });
    const after = await rowsOf(integration, "all");
    expect(after).toEqual(expectedRows(houses).map((row) => ({ ...row, ...facts })));
    const rewritten = after.filter(({ version }, index) => version !== before[index]!.version).map(({ key }) => key);
    expect(rewritten.sort()).toEqual([cheaper.sourceKey, renamed.sourceKey].sort());
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  });

  it("reports the rows that cannot be stored, and stores the rest of the page", async () => {
    const { integration, stack, houses } = bench;
    const good = houses[33]!;
    houses[33] = { ...good, grade: 99, zipcode: "1" };
    const result = await integration.listings.scrape({ source: "one-bad-row", url: stack.siteUrl });
    houses[33] = good;
    expect(result).toMatchObject({ inserted: 59, embedded: 59 });
    expect(result.rejected).toEqual([
      {
        sourceKey: good.sourceKey,
        problems: [expect.stringMatching(/^grade: /), expect.stringMatching(/^zipcode: /)],
      },
    ]);
    const stored = await rowsOf(integration, "one-bad-row");
    expect(stored.map(({ key }) => key)).toEqual(
      expectedRows(houses.filter(({ sourceKey }) => sourceKey !== good.sourceKey)).map(({ key }) => key),
    );
  });

  it("goes on where an aborted call stopped, and neither loses nor doubles anything", async () => {
    const { integration, stack, houses } = bench;
    const stop = new AbortController();
    const cut = integration.listings.scrape({
      source: "aborted",
      url: stack.siteUrl,
      signal: stop.signal,
      concurrency: 1,
      onProgress: ({ pagesDone }) => pagesDone === 3 && stop.abort(),
    });
    await expect(cut).rejects.toMatchObject({ name: "IntegrationError", code: "ABORTED" });
    const [session] = await integration.neon.query(
      "select status, pages_total, pages_done from scraping_sessions where source = 'aborted'",
    );
    expect(session).toEqual({ status: "interrupted", pages_total: 6, pages_done: 3 });
    expect(await rowsOf(integration, "aborted")).toHaveLength(30);
    // What a killed process leaves, which has no last word, is taken up just the same.
    await integration.neon.query("update scraping_sessions set status = 'running' where source = 'aborted'");

    const rest = await bench.integrate().listings.scrape({ source: "aborted", url: stack.siteUrl });
    // The first page is read again, since it says how many there are.
    expect(rest).toMatchObject({ resumed: true, pagesScraped: 4, pagesSkipped: 2, inserted: 30, unchanged: 10 });
    expect(await rowsOf(integration, "aborted")).toEqual(expectedRows(houses).map((row) => ({ ...row, ...facts })));
    const sessions = await integration.neon.query("select status from scraping_sessions where source = 'aborted'");
    expect(sessions).toEqual([{ status: "completed" }]);
  });

  it("stops before it begins when it was aborted already", async () => {
    const scrape = bench.integration.listings.scrape({
      source: "never",
      url: bench.stack.siteUrl,
      signal: AbortSignal.abort(),
    });
    await expect(scrape).rejects.toMatchObject({ code: "ABORTED" });
    expect(await rowsOf(bench.integration, "never")).toEqual([]);
  });

  it("ends with the page's error and stays open when a page cannot be scraped", async () => {
    const { integration, stack } = bench;
    const pageUrl = (page: number) => `${stack.siteUrl}/listings?page=${page === 4 ? 400 : page}`;
    const request = { source: "hole", url: stack.siteUrl, pageUrl, concurrency: 1 };
    await expect(integration.listings.scrape(request)).rejects.toMatchObject({ service: "tinyfish" });
    const sessions = () =>
      integration.neon.query("select status, error is null as fine from scraping_sessions where source = 'hole'");
    expect(await sessions()).toEqual([{ status: "failed", fine: false }]);
    expect(await rowsOf(integration, "hole")).toHaveLength(30);
    const mended = await integration.listings.scrape({ ...request, url: stack.siteUrl, maxPages: 3 });
    expect(mended).toMatchObject({ resumed: true, pagesTotal: 3, pagesSkipped: 2, inserted: 0 });
    expect(await sessions()).toEqual([{ status: "completed", fine: true }]);
  });

  it("embeds what has no current embedding when asked to", async () => {
    const { integration, stack } = bench;
    await integration.listings.scrape({ source: "unembedded", url: stack.siteUrl, maxPages: 2 });
    await integration.neon.query(
      "update listings set embedding_hash = null where source = 'unembedded' and price < $1",
      [300_000],
    );
    const open = (await rowsOf(integration, "unembedded")).filter(({ embedded }) => !embedded).length;
    expect(open).toBeGreaterThan(0);
    expect(await integration.listings.embedPending()).toBe(open);
    expect((await rowsOf(integration, "unembedded")).every(({ embedded }) => embedded)).toBe(true);
    expect(await integration.listings.embedPending()).toBe(0);
    expect(await integration.listings.repository.count("unembedded")).toEqual({ listings: 20, embedded: 20 });
  });

  it.each([
    [{ source: "" }, /source/],
    [{ source: "a'; drop table listings" }, /source/],
    [{ url: "listings" }, /url/],
    [{ url: "file:///etc/passwd" }, /url/],
    [{ maxPages: 0 }, /maxPages .* but is 0/],
    [{ concurrency: 1.5 }, /concurrency .* but is 1.5/],
    [{ source: "", url: "", maxPages: -1, concurrency: 51 }, /source.*url.*maxPages.*concurrency/],
    [{ pageUrl: () => "/listings?page=2" }, /pageUrl\(1\)/],
  ])("refuses %j", async (wrong, message) => {
    const scrape = bench.integration.listings.scrape({ source: "bad", url: bench.stack.siteUrl, ...wrong });
    await expect(scrape).rejects.toMatchObject({ code: "INVALID_INPUT", message: expect.stringMatching(message) });
  });

  it.each(["ENABLE_PERSISTENT_STORAGE"])("says that %s is off", async (variable) => {
    const scrape = bench
      .integrate({ [variable]: "false" })
      .listings.scrape({ source: "off", url: bench.stack.siteUrl });
    await expect(scrape).rejects.toMatchObject({
      code: "FEATURE_DISABLED",
      message: expect.stringContaining(variable) as string,
    });
  });
});
