import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, Listings } from "../../src/listings/index.ts";
import { EventRecorder } from "../../src/testing/index.ts";
import { type ListingsBench, startBench } from "./support.ts";

let bench: ListingsBench;
let ada: string;
let eve: string;
beforeAll(async () => {
  bench = await startBench({ houses: 60, pageSize: 20 });
  [ada, eve] = [await bench.signUp(), await bench.signUp()];
  await bench.integration.listings.scrape({ source: "site", url: bench.stack.siteUrl });
});
afterAll(() => bench[Symbol.asyncDispose]());

const market = () => bench.integration.listings.market;

/** As `percentile_cont(0.5)` defines it. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}
const cents = (value: number) => Math.round(value * 100) / 100;

describe("market figures", () => {
  it("are what one computes by hand, for every zip code", async () => {
    const byZip = Map.groupBy(bench.houses, ({ zipcode }) => zipcode);
    expect(await market().refresh()).toBe(byZip.size);
    const figures = await market().figures({ limit: 500 });
    expect(figures).toHaveLength(byZip.size);
    for (const figure of figures) {
      const prices = byZip.get(figure.zipcode)!.map(({ price }) => price);
      const perSqft = byZip.get(figure.zipcode)!.map(({ price, sqftLiving }) => price / sqftLiving);
      expect(figure).toEqual({
        zipcode: figure.zipcode,
        listingsCount: prices.length,
        medianPrice: cents(median(prices)),
        meanPrice: expect.closeTo(prices.reduce((sum, price) => sum + price) / prices.length, 1) as number,
        minPrice: Math.min(...prices),
        maxPrice: Math.max(...prices),
        medianPricePerSqft: expect.closeTo(median(perSqft), 1) as number,
      });
    }
    const counts = figures.map(({ listingsCount }) => listingsCount);
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    expect(await market().figures({ zipcode: figures[3]!.zipcode })).toEqual([figures[3]]);
  });

  it("follow the listings, and are not doubled by another refresh", async () => {
    const { zipcode } = bench.houses[0]!;
    const before = await market().figures({ limit: 500 });
    await bench.integration.neon.query("update listings set price = price + 10 where zipcode = $1", [zipcode]);
    await market().refresh();
    await market().refresh();
    const after = await market().figures({ limit: 500 });
    await bench.integration.neon.query("update listings set price = price - 10 where zipcode = $1", [zipcode]);
    expect(after).toHaveLength(before.length);
    for (const [index, figure] of after.entries())
      expect(figure.minPrice).toBe(before[index]!.minPrice + (figure.zipcode === zipcode ? 10 : 0));
  });
});

describe("market alerts", () => {
  const matches = (alert: { zipcode?: string; maxPrice: number; minBedrooms?: number }) =>
    bench.houses.filter(
      ({ zipcode, price, bedrooms }) =>
        (alert.zipcode === undefined || zipcode === alert.zipcode) &&
        price <= alert.maxPrice &&
        bedrooms >= (alert.minBedrooms ?? 0),
    ).length;

  it("tell of each matching listing exactly once, over any number of evaluations", async () => {
    const wanted = { maxPrice: 450_000, minBedrooms: 3 };
    const { id } = await market().createAlert(ada, { name: "Family home", ...wanted });
    using recorder = new EventRecorder(bench.integration.events);
    const first = await market().evaluateAlerts();
    const second = await market().evaluateAlerts();
    expect(first.filter(({ alertId }) => alertId === id)).toHaveLength(matches(wanted));
    expect(matches(wanted)).toBeGreaterThan(5);
    expect(second).toEqual([]);
    const told = recorder.of("market_alert.triggered").filter(({ alertId }) => alertId === id);
    expect(new Set(told.map(({ listingId }) => listingId)).size).toBe(told.length);
    expect(told).toHaveLength(matches(wanted));
    expect(await market().alerts(ada)).toEqual([
      {
        ...{ id, name: "Family home", zipcode: null, maxPrice: 450_000, minBedrooms: 3 },
        ...{ active: true, triggerCount: matches(wanted) },
      },
    ]);
  });

  it("tell of a listing that begins to match later, and of nothing else", async () => {
    const dear = bench.houses.find(({ price, bedrooms }) => price > 450_000 && bedrooms >= 3)!;
    const setPrice = (price: number) =>
      bench.integration.neon.query("update listings set price = $1 where source_key = $2", [price, dear.sourceKey]);
    await setPrice(449_000);
    const told = await market().evaluateAlerts();
    await setPrice(dear.price);
    expect(told).toHaveLength(1);
    expect(await market().evaluateAlerts()).toEqual([]);
  });

  it("belong to their user: another user's token sees, changes and creates none of them", async () => {
    const { neon } = bench.integration;
    const mine = await market().alerts(ada);
    expect(mine.length).toBeGreaterThan(0);
    expect(await market().alerts(eve)).toEqual([]);
    const asEve = <R extends object>(text: string, params: unknown[] = []) =>
      neon.asUser(eve, (tx) => tx.query<R>(text, params));
    expect(await asEve("select * from market_alert_matches")).toEqual([]);
    expect(await asEve("update market_alerts set active = false returning id")).toEqual([]);
    expect(await asEve("delete from market_alerts returning id")).toEqual([]);
    const { userId } = await bench.integration.supabase.auth.verify(ada);
    const planted = asEve("insert into market_alerts (user_id, name) values ($1, 'planted')", [userId]);
    await expect(planted).rejects.toMatchObject({ sqlState: "42501" });
    expect(await market().alerts(ada)).toEqual(mine);
  });

  it("are told again when the process died between telling and marking", async () => {
    const { neon, tinyfish, ollama, supabase, events, config } = bench.integration;
    const { id } = await market().createAlert(eve, { zipcode: bench.houses[0]!.zipcode, maxPrice: 1_000_000 });
    let dying = true;
    const dies: Database = {
      asUser: (token, fn) => neon.asUser(token, fn),
      query(text, params, options) {
        if (dying && /update market_alert_matches/.test(text)) throw new Error("the process died");
        return neon.query(text, params, options);
      },
    };
    const embedder = { embedModel: config.ollama.embedModel, embed: ollama.embed.bind(ollama) };
    const listings = new Listings({
      ...{ database: dies, scraper: tinyfish, embedder, files: supabase.storage, verifier: supabase.auth, events },
    });
    using recorder = new EventRecorder(events);
    const expected = matches({ zipcode: bench.houses[0]!.zipcode, maxPrice: 1_000_000 });
    await expect(listings.market.evaluateAlerts()).rejects.toThrow("the process died");
    expect(recorder.of("market_alert.triggered")).toHaveLength(expected);
    dying = false;
    expect(await listings.market.evaluateAlerts()).toHaveLength(expected);
    expect(recorder.of("market_alert.triggered")).toHaveLength(2 * expected);
    expect(await listings.market.evaluateAlerts()).toEqual([]);
    expect((await market().alerts(eve)).find((alert) => alert.id === id)?.triggerCount).toBe(expected);
  });

  it.each([
    [{ name: "" }, /name/],
    [{ name: "x".repeat(201) }, /name/],
    [{ name: "a\0b" }, /name: .*NUL/],
    [{ maxPrice: -1 }, /maxPrice/],
    [{ maxPrice: NaN, zipcode: "1" }, /zipcode.*maxPrice/],
    [{ minBedrooms: "3" }, /minBedrooms/],
  ])("refuse %j", async (wrong, message) => {
    await expect(market().createAlert(ada, wrong as never)).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringMatching(message) as string,
    });
  });

  it("refuse a forged token", async () => {
    const [header, payload] = ada.split(".");
    const forged = `${header}.${payload}.${"A".repeat(43)}`;
    await expect(market().createAlert(forged, {})).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    await expect(market().alerts(forged)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("are switched off by ENABLE_MARKET_MONITORING", async () => {
    const { market: off } = bench.integrate({ ENABLE_MARKET_MONITORING: "false" }).listings;
    const disabled = {
      code: "FEATURE_DISABLED",
      message: expect.stringContaining("ENABLE_MARKET_MONITORING") as string,
    };
    await expect(off.refresh()).rejects.toMatchObject(disabled);
    await expect(off.createAlert(ada, {})).rejects.toMatchObject(disabled);
    await expect(off.evaluateAlerts()).rejects.toMatchObject(disabled);
  });
});
