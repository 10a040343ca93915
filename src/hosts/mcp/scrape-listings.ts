import { z } from "zod";
import { type Integration } from "../../integration.ts";
import { type Tool } from "./tool.ts";

const DEFAULT_MAX_PAGES = 10;

const input = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe("The first page of the listings"),
  source: z
    .string()
    .regex(/^[\w.:-]{1,60}$/)
    .describe("A short name for the site; the same name and page never store a listing twice"),
  maxPages: z.number().int().min(1).max(200).optional().describe(`${DEFAULT_MAX_PAGES} by default`),
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

/** `scrape_listings`: reads a listing site page by page into the database. Runs cost money. */
export function scrapeListings({ listings }: Integration): Tool<typeof input, typeof output> {
  return {
    name: "scrape_listings",
    title: "Scrape listings",
    description:
      "Reads property listings from a web site, page by page, stores them and makes them searchable. Runs are paid for.",
    ...{ input, output },
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    deadlineMs: 30 * 60_000,
    limit: "scraping",
    untrusted: true,
    run: ({ url, source, maxPages = DEFAULT_MAX_PAGES }, { signal, tenant }) =>
      listings.scrape({ url, source: tenant === undefined ? source : `${tenant}.${source}`, maxPages, signal }),
  };
}
