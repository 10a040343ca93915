import { IntegrationError } from "../core/index.ts";
import { type RejectedRow } from "./listing.ts";

export interface ScrapeRequest {
  /** Names the site; with a listing's source key it identifies the listing. */
  readonly source: string;
  /** The first page; it must say how many there are. */
  readonly url: string;
  /** The address of page `page`, which counts from 1. @defaultValue the first page's with `page=<n>` */
  readonly pageUrl?: (page: number) => string;
  /** @defaultValue all that the site says it has, at most 10,000 */
  readonly maxPages?: number;
  /** Pages scraped at a time, 1 to 50. @defaultValue 3 */
  readonly concurrency?: number;
  /** Stops the work; the next call goes on from there. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ScrapeProgress) => void;
}

export interface ScrapeProgress {
  readonly pagesDone: number;
  readonly pagesTotal: number;
  /** Listings of the pages done in this call, unchanged ones included. */
  readonly stored: number;
  /** Of those, how many were there already with the same content. */
  readonly unchanged: number;
  /** Embedded in this call. */
  readonly embedded: number;
}

export interface ScrapeResult {
  readonly sessionId: string;
  /** True if this call went on with an unfinished session. */
  readonly resumed: boolean;
  readonly pagesTotal: number;
  readonly pagesScraped: number;
  /** Done by the unfinished session already. */
  readonly pagesSkipped: number;
  /** As the answers told it: a page whose answer was lost and that was stored again counts as unchanged. */
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly embedded: number;
  /** Rows of the pages of this call that could not be stored. */
  readonly rejected: readonly RejectedRow[];
}

/** What a scraping job does, once the request was found good. */
export interface ScrapePlan {
  readonly source: string;
  readonly maxPages: number;
  readonly concurrency: number;
  /** @throws IntegrationError INVALID_INPUT if the host's own `pageUrl` gives no address */
  pageUrl(page: number): string;
}

/** @throws IntegrationError INVALID_INPUT naming every problem */
export function planScrape(request: ScrapeRequest): ScrapePlan {
  const { source, url, maxPages = 10_000, concurrency = 3 } = request;
  const problems: string[] = [];
  if (!/^[\w.:-]{1,100}$/.test(source)) problems.push("source must be 1 to 100 letters, digits, or . : _ -");
  if (!isWebAddress(url)) problems.push("url must be an absolute http(s) address");
  if (!Number.isInteger(maxPages) || maxPages < 1 || maxPages > 10_000)
    problems.push(`maxPages must be a whole number from 1 to 10,000, but is ${String(maxPages)}`);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 50)
    problems.push(`concurrency must be a whole number from 1 to 50, but is ${String(concurrency)}`);
  if (problems.length > 0) throw invalid(problems.join("; "));
  const numbered = (page: number) => {
    const address = new URL(url);
    address.searchParams.set("page", String(page));
    return address.href;
  };
  const { pageUrl = numbered } = request;
  return {
    source,
    maxPages,
    concurrency,
    pageUrl(page) {
      const address = pageUrl(page);
      if (!isWebAddress(address)) throw invalid(`pageUrl(${page}) must return an absolute http(s) address`);
      return address;
    },
  };
}

function isWebAddress(url: string): boolean {
  return /^https?:$/.test(URL.parse(url)?.protocol ?? "");
}

function invalid(problems: string): IntegrationError {
  return new IntegrationError({ code: "INVALID_INPUT", message: `listings.scrape: ${problems}` });
}
