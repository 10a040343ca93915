import { type Clock, type EventBus, systemClock } from "../core/index.ts";
import { Documents } from "./documents.ts";
import { ListingIngest, type ScrapeRequest, type ScrapeResult } from "./ingest.ts";
import { type Listing } from "./listing.ts";
import { Market } from "./market.ts";
import {
  type Database,
  type Embedder,
  everyFeatureOn,
  type FeatureSwitches,
  type FileStore,
  type Scraper,
  type Verifier,
} from "./ports.ts";
import { ListingRepository } from "./repository.ts";
import { ListingSearch, type SearchRequest, type SearchHits } from "./search.ts";
import { ScrapingSessions } from "./sessions.ts";

export interface ListingsOptions {
  readonly database: Database;
  readonly scraper: Scraper;
  readonly embedder: Embedder;
  readonly files: FileStore;
  readonly verifier: Verifier;
  /** @defaultValue everything on */
  readonly features?: FeatureSwitches;
  readonly clock?: Clock;
  readonly events?: EventBus;
}

/**
 * The real-estate domain over the four services: scrape, store, embed, search, watch the market, keep documents.
 *
 * @example
 * await integration.listings.scrape({ source: "king-county", url: "https://example.com/listings" });
 * const hits = await integration.listings.search({ text: "quiet garden under 600k" });
 */
export class Listings {
  readonly repository: ListingRepository;
  readonly market: Market;
  readonly documents: Documents;
  readonly #ingest: ListingIngest;
  readonly #search: ListingSearch;

  constructor(options: ListingsOptions) {
    const {
      database,
      scraper,
      embedder,
      files,
      verifier,
      events,
      features = everyFeatureOn,
      clock = systemClock,
    } = options;
    this.repository = new ListingRepository(database);
    this.market = new Market({ database, verifier, features, events });
    this.documents = new Documents({ database, files, verifier, features, clock });
    const sessions = new ScrapingSessions(database);
    this.#ingest = new ListingIngest({
      scraper,
      embedder,
      repository: this.repository,
      sessions,
      features,
      clock,
      events,
    });
    this.#search = new ListingSearch(database, embedder, features);
  }

  /** See {@link ListingIngest.scrape}. */
  scrape(request: ScrapeRequest): Promise<ScrapeResult> {
    return this.#ingest.scrape(request);
  }

  /** See {@link ListingIngest.embedPending}. */
  embedPending(options?: { readonly signal?: AbortSignal }): Promise<number> {
    return this.#ingest.embedPending(options);
  }

  /** See {@link ListingSearch.search}. */
  search(request: SearchRequest): Promise<SearchHits> {
    return this.#search.search(request);
  }

  get(id: string): Promise<Listing | undefined> {
    return this.repository.get(id);
  }
}
