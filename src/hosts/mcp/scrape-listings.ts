import { z } from "zod";
import { type Integration } from "../../integration.ts";
import { type Tool } from "./tool.ts";

const input = z.object({
  url: z.url({ protocol: /^https?$/ }).describe("The first page of the listings"),
  source: z
    .string()
    .regex(/^[\w.:-]{1,60}$/)
    .describe("A short name for the site; the same name and page never store a listing twice"),
  maxPages: z.number().int().min(1).max(200).optional().describe("10 by default"),
});

const output = z.object({
  pagesScraped: z.number(),
  pagesSkipped: z.number(),
  pagesTotal: z.number(),
  inserted: z.number(),
  updated: z.number(),
  unchanged: z.number(),
  embedded: z.number(),
  rejected: z.array(z.object({ sourceKey: z.string(), problems: z.array(z.string()) })),
});

/** `scrape_listings`: reads a listing site page by page into the database. Costs money; charged to the scraping limit. */
export function scrapeListings(integration: Integration, tenant?: string): Tool<typeof input, typeof output> {
  return {
    name: "scrape_listings",
    title: "Scrape listings",
    description:
      "Reads property listings from a web site, page by page, stores them and makes them searchable. Runs are paid for.",
    input,
    output,
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    deadlineMs: 30 * 60_000,
    untrusted: true,
    async run({ url, source, maxPages = 10 }, { signal }) {
      const result = await integration.listings.scrape({
        url,
        source: tenant === undefined ? source : `${tenant}.${source}`,
        maxPages,
        signal,
      });
      return output.parse(result);
    },
  };
}
