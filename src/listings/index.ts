export { Listings, type ListingsOptions } from "./listings.ts";
export { type Listing, scrapedListing, type ScrapedListing, type RejectedRow } from "./listing.ts";
export { type ScrapeProgress, type ScrapeRequest, type ScrapeResult } from "./scrape-request.ts";
export { type SearchFilters, type SearchHit, type SearchRequest, type SearchHits } from "./search.ts";
export { splitQuery } from "./query-words.ts";
export { Market, type Alert, type AlertMatch, type AlertRequest, type MarketFigures } from "./market.ts";
export { Documents, type DocumentRequest, type StoredDocument } from "./documents.ts";
export { ListingRepository, type StoredCounts } from "./repository.ts";
export type {
  CallOptions,
  Database,
  Embedder,
  FeatureName,
  FeatureSwitches,
  FileStore,
  Queryable,
  Scraper,
  StatementOptions,
  Verifier,
} from "./ports.ts";
