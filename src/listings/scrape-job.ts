import { createHash } from "node:crypto";
import { type EmbeddingQueue } from "./embedding-queue.ts";
import { type ListingsPage, listingsPage, type RejectedRow, validateRows } from "./listing.ts";
import { type CallOptions, type Scraper } from "./ports.ts";
import { type Redelivery } from "./redelivery.ts";
import { type ListingRepository, type StoredCounts } from "./repository.ts";
import { type ScrapePlan, type ScrapeProgress, type ScrapeResult } from "./scrape-request.ts";
import { pageKey, type ScrapingSession } from "./sessions.ts";

const GOAL = "List every property on this page with all its facts, and say how many pages there are.";

/** One run over the pages of one site, and its tally. */
export class ScrapeJob {
  readonly #plan: ScrapePlan;
  readonly #session: ScrapingSession;
  readonly #scraper: Scraper;
  readonly #repository: ListingRepository;
  readonly #redelivery: Redelivery;
  readonly #call: CallOptions;
  readonly #onStored: (counts: StoredCounts) => void;
  readonly #onProgress: ((progress: ScrapeProgress) => void) | undefined;
  readonly #rejected: RejectedRow[] = [];
  readonly #tally = {
    pagesTotal: 0,
    pagesScraped: 0,
    pagesSkipped: 0,
    inserted: 0,
    updated: 0,
    unchanged: 0,
    embedded: 0,
  };

  constructor(deps: {
    plan: ScrapePlan;
    session: ScrapingSession;
    scraper: Scraper;
    repository: ListingRepository;
    redelivery: Redelivery;
    call: CallOptions;
    onStored: (counts: StoredCounts) => void;
    onProgress: ((progress: ScrapeProgress) => void) | undefined;
  }) {
    this.#plan = deps.plan;
    this.#session = deps.session;
    this.#scraper = deps.scraper;
    this.#repository = deps.repository;
    this.#redelivery = deps.redelivery;
    this.#call = deps.call;
    this.#onStored = deps.onStored;
    this.#onProgress = deps.onProgress;
  }

  get result(): ScrapeResult {
    const { id: sessionId, resumed } = this.#session;
    return { sessionId, resumed, ...this.#tally, rejected: this.#rejected };
  }

  /** All pages, a few at a time; the first failure stops the taking of new pages and is thrown once all rest. */
  async run(queue: EmbeddingQueue): Promise<void> {
    // The first page is always read: it says how many there are now.
    const { totalPages } = await this.#scrapePage(1, queue);
    this.#tally.pagesTotal = Math.min(Math.max(1, totalPages ?? 1), this.#plan.maxPages);
    this.#report();
    let next = 2;
    let failure: { readonly error: unknown } | undefined;
    const worker = async () => {
      while (next <= this.#tally.pagesTotal && !failure) {
        await this.#scrapeOrSkip(next++, queue).catch((error: unknown) => void (failure ??= { error }));
        this.#report();
      }
    };
    await Promise.all(Array.from({ length: this.#plan.concurrency }, worker));
    if (failure) throw failure.error;
  }

  embedded(count: number): void {
    this.#tally.embedded += count;
    this.#report();
  }

  async #scrapeOrSkip(page: number, queue: EmbeddingQueue): Promise<void> {
    if (this.#session.donePages.has(pageKey(this.#plan.pageUrl(page)))) this.#tally.pagesSkipped += 1;
    else await this.#scrapePage(page, queue);
  }

  async #scrapePage(page: number, queue: EmbeddingQueue): Promise<ListingsPage> {
    const url = this.#plan.pageUrl(page);
    const key = pageKey(url);
    const { signal } = this.#call;
    // Within a session a page is paid for once, however often it is asked for.
    const order = {
      url,
      goal: GOAL,
      output: listingsPage,
      idempotencyKey: `${this.#session.id}:${key}`,
      ...this.#call,
    };
    const { result } = await this.#redelivery.run(() => this.#scraper.run(order), signal);
    const { valid, rejected } = validateRows(result.listings);
    const { id: sessionId, openedAt: since } = this.#session;
    const mark = { sessionId, url: key, hash: hashOf(result), since };
    const stored = await this.#redelivery.run(
      () => this.#repository.upsertPage(this.#plan.source, valid, mark, this.#call),
      signal,
    );
    this.#rejected.push(...rejected);
    this.#tally.pagesScraped += 1;
    this.#tally.inserted += stored.inserted;
    this.#tally.updated += stored.updated;
    this.#tally.unchanged += stored.unchanged;
    this.#onStored(stored);
    if (stored.inserted + stored.updated > 0) queue.wake();
    return result;
  }

  #report(): void {
    const { pagesScraped, pagesSkipped, pagesTotal, inserted, updated, unchanged, embedded } = this.#tally;
    this.#onProgress?.({
      pagesDone: pagesScraped + pagesSkipped,
      pagesTotal,
      stored: inserted + updated + unchanged,
      unchanged,
      embedded,
    });
  }
}

function hashOf(content: ListingsPage): string {
  return createHash("sha256").update(JSON.stringify(content.listings)).digest("hex").slice(0, 32);
}
