import { createHash } from "node:crypto";
import { z } from "zod";

/**
 * A listing as a page shows it. Bounds refuse what cannot be a house (a negative price, a latitude of 900), so that a
 * misread page is reported instead of stored. Areas are in square feet, prices in US dollars.
 */
export const scrapedListing = z.object({
  /** Identifies the listing at its source; a resale of the same house is another listing. */
  sourceKey: z.string().min(1).max(200),
  url: z.string().min(1).max(2000),
  title: z.string().min(1).max(500),
  description: z.string().max(20_000),
  price: z.number().positive().max(1e10),
  bedrooms: z.number().min(0).max(100).nullable(),
  bathrooms: z.number().min(0).max(100).nullable(),
  sqftLiving: z.number().int().positive().max(1e7).nullable(),
  sqftLot: z.number().int().positive().max(1e9).nullable(),
  floors: z.number().min(0).max(200).nullable(),
  waterfront: z.boolean(),
  /** 0 (none) to 4 */
  view: z.number().int().min(0).max(4).nullable(),
  /** 1 (poor) to 5 */
  condition: z.number().int().min(1).max(5).nullable(),
  /** Construction quality, 1 to 13 */
  grade: z.number().int().min(1).max(13).nullable(),
  yearBuilt: z.number().int().min(1500).max(2200).nullable(),
  yearRenovated: z.number().int().min(1500).max(2200).nullable(),
  zipcode: z.string().min(3).max(12).nullable(),
  latitude: z.number().min(-90).max(90).nullable(),
  longitude: z.number().min(-180).max(180).nullable(),
});
export type ScrapedListing = z.infer<typeof scrapedListing>;

const text = z.string().nullable();
const number = z.number().nullable();

/**
 * What a scraping run over one page must return. Every field may be missing here: the rows are held against
 * {@link scrapedListing} one by one afterwards, so that one bad row costs one row and not the page.
 */
export const listingsPage = z.object({
  listings: z.array(
    z.object({
      ...{ sourceKey: text, url: text, title: text, description: text, zipcode: text },
      ...{ price: number, bedrooms: number, bathrooms: number, sqftLiving: number, sqftLot: number, floors: number },
      ...{ view: number, condition: number, grade: number, yearBuilt: number, yearRenovated: number },
      ...{ latitude: number, longitude: number, waterfront: z.boolean().nullable() },
    }),
  ),
  totalPages: number,
});
export type ListingsPage = z.infer<typeof listingsPage>;

/** A row that cannot be stored, and why. */
export interface RejectedRow {
  readonly sourceKey: string;
  readonly problems: readonly string[];
}

/** Splits a page's rows into what can be stored and what cannot. */
export function validateRows(rows: ListingsPage["listings"]): {
  readonly valid: ScrapedListing[];
  readonly rejected: RejectedRow[];
} {
  const valid: ScrapedListing[] = [];
  const rejected: RejectedRow[] = [];
  for (const row of rows) {
    const parsed = scrapedListing.safeParse({
      ...mapValues(row, (value) => (typeof value === "string" ? storableText(value) : value)),
      waterfront: row.waterfront ?? false,
      description: storableText(row.description ?? ""),
    });
    if (parsed.success) valid.push(parsed.data);
    else
      rejected.push({
        sourceKey: row.sourceKey ?? "(none)",
        problems: parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`),
      });
  }
  return { valid, rejected };
}

/** PostgreSQL knows no NUL, and UTF-8 no lone surrogates: a page that has them is a careless page, not a bad listing. */
export function storableText(text: string): string {
  return text.replaceAll("\0", "").toWellFormed();
}

function mapValues<T extends object>(object: T, change: (value: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

/** The text whose meaning is searched. */
export function embeddingText(listing: Pick<ScrapedListing, "title" | "description">): string {
  return `${listing.title}. ${listing.description}`.slice(0, 4000).toWellFormed();
}

/**
 * Changes when anything that we store changes: an unchanged listing is neither rewritten nor embedded again. Of the
 * address only path and query count, because a site may move to another host.
 */
export function contentHash(listing: ScrapedListing): string {
  const comparable = { ...listing, url: withoutOrigin(listing.url) };
  const facts = Object.keys(scrapedListing.shape).map((key) => comparable[key as keyof ScrapedListing]);
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex").slice(0, 32);
}

function withoutOrigin(url: string): string {
  const parsed = URL.parse(url);
  return parsed ? parsed.pathname + parsed.search : url;
}

/** A stored listing. */
export interface Listing extends ScrapedListing {
  readonly id: string;
  readonly source: string;
}
