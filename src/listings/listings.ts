import { CallScopes, type Clock, type EventBus, systemClock } from "../core/index.ts";
import { Documents } from "./documents.ts";
import { ListingIngest } from "./ingest.ts";
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
import { Redelivery } from "./redelivery.ts";
import { ListingRepository } from "./repository.ts";
import { type ScrapeRequest, type ScrapeResult } from "./scrape-request.ts";
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
  /** Those of the clients, so that work within a request ends with it. @defaultValue none: only signals end work early */
  readonly scopes?: CallScopes;
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
    const { database, scraper, embedder, files, verifier, events } = options;
    const { features = everyFeatureOn, clock = systemClock, scopes = new CallScopes() } = options;
    const redelivery = new Redelivery(clock, scopes);
    const repository = new ListingRepository(database);
    const sessions = new ScrapingSessions(database);
    this.repository = repository;
    this.market = new Market({ database, verifier, features, events });
    this.documents = new Documents({ database, files, verifier, features, redelivery, scopes, clock });
    this.#ingest = new ListingIngest({ scraper, embedder, repository, sessions, features, redelivery, events });
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

  /** @returns the listing, or undefined if none has this id */
  get(id: string): Promise<Listing | undefined> {
    return this.repository.get(id);
  }
}
