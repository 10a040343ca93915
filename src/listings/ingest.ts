import { createHash } from "node:crypto";
import { type Clock, type EventBus, IntegrationError } from "../core/index.ts";
import { EmbeddingQueue } from "./embedding-queue.ts";
import { type ListingsPage, listingsPage, type RejectedRow, validateRows } from "./listing.ts";
import { type CallOptions, type Embedder, type FeatureSwitches, type Scraper } from "./ports.ts";
import { redeliver } from "./redelivery.ts";
import { type ListingRepository } from "./repository.ts";
import { pageKey, type ScrapingSessions } from "./sessions.ts";

export interface ScrapeRequest {
  /** Names the site; with a listing's source key it identifies the listing. */
  readonly source: string;
  /** The first page; it must say how many there are. */
  readonly url: string;
  /** The address of page `page`, which counts from 1. @defaultValue the first page's with `page=<n>` */
  readonly pageUrl?: (page: number) => string;
  /** @defaultValue all that the site says it has, at most 10,000 */
  readonly maxPages?: number;
  /** Pages scraped at a time. @defaultValue 3 */
  readonly concurrency?: number;
  /** Stops after the pages at hand; the next call goes on from there. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ScrapeProgress) => void;
}

export interface ScrapeProgress {
  readonly pagesDone: number;
  readonly pagesTotal: number;
  readonly stored: number;
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
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly embedded: number;
  readonly rejected: readonly RejectedRow[];
}

const GOAL = "List every property on this page with all its facts, and say how many pages there are.";

/** Pages become rows, rows become vectors; each step may be repeated, and what is done is known by the database alone. */
export class ListingIngest {
  readonly #scraper: Scraper;
  readonly #embedder: Embedder;
  readonly #repository: ListingRepository;
  readonly #sessions: ScrapingSessions;
  readonly #features: FeatureSwitches;
  readonly #clock: Clock;
  readonly #events: EventBus | undefined;

  constructor(deps: {
    scraper: Scraper;
    embedder: Embedder;
    repository: ListingRepository;
    sessions: ScrapingSessions;
    features: FeatureSwitches;
    clock: Clock;
    events?: EventBus | undefined;
  }) {
    this.#scraper = deps.scraper;
    this.#embedder = deps.embedder;
    this.#repository = deps.repository;
    this.#sessions = deps.sessions;
    this.#features = deps.features;
    this.#clock = deps.clock;
    this.#events = deps.events;
  }

  /**
   * Scrapes a paged site into the listings table and embeds what is new. Scraping the same pages again changes nothing.
   *
   * @throws IntegrationError FEATURE_DISABLED, ABORTED, INVALID_INPUT, or what a page's scraping ended with after all
   * deliveries; the session stays open, and the next call goes on from it
   */
  async scrape(request: ScrapeRequest): Promise<ScrapeResult> {
    this.#features.require("scraping");
    this.#features.require("persistentStorage");
    const job = checkRequest(request);
    const call: CallOptions = request.signal ? { signal: request.signal } : {};
    const session = await this.#sessions.open(job.source, call);
    const tally = {
      pagesTotal: 0,
      pagesScraped: 0,
      pagesSkipped: 0,
      inserted: 0,
      updated: 0,
      unchanged: 0,
      embedded: 0,
    };
    const rejected: RejectedRow[] = [];
    const report = () =>
      request.onProgress?.({
        pagesDone: tally.pagesScraped + tally.pagesSkipped,
        pagesTotal: tally.pagesTotal,
        stored: tally.inserted + tally.updated + tally.unchanged,
        embedded: tally.embedded,
      });
    const queue = new EmbeddingQueue(this.#repository, this.#embedder, this.#clock, {
      ...call,
      onEmbedded: (count) => {
        tally.embedded += count;
        this.#events?.emit("listings.embedded", { count });
        report();
      },
    });

    const scrapePage = async (page: number): Promise<void> => {
      const url = job.pageUrl(page);
      // The first page is always read: it says how many there are now.
      if (page > 1 && session.donePages.has(pageKey(url))) tally.pagesSkipped += 1;
      else {
        const content = await redeliver(() => this.#scrapeOne(session.id, url, call), this.#clock, request.signal);
        const { valid, rejected: refused } = validateRows(content.listings);
        rejected.push(...refused);
        const stored = await redeliver(
          () =>
            this.#repository.upsertPage(
              job.source,
              valid,
              { sessionId: session.id, url: pageKey(url), hash: hashOf(content) },
              call,
            ),
          this.#clock,
          request.signal,
        );
        tally.inserted += stored.inserted;
        tally.updated += stored.updated;
        tally.unchanged += stored.unchanged;
        tally.pagesScraped += 1;
        if (page === 1) tally.pagesTotal = Math.min(Math.max(1, content.totalPages ?? 1), job.maxPages);
        this.#events?.emit("listings.stored", stored);
        if (stored.inserted + stored.updated > 0) queue.wake();
      }
      report();
    };

    try {
      await scrapePage(1);
      await forEachPage(tally.pagesTotal, job.concurrency, scrapePage);
      await queue.drain();
    } catch (error) {
      const status = request.signal?.aborted ? "interrupted" : "failed";
      const message = error instanceof Error ? error.message : String(error);
      // Without the caller's signal: the session's state is worth a last statement. If even that fails, the session
      // stays "running", which the next call takes up just as well.
      await this.#sessions
        .close(session.id, { status, pagesTotal: tally.pagesTotal, error: message }, { deadlineMs: 5_000 })
        .catch(() => undefined);
      await queue.drain().catch(() => undefined);
      throw error;
    }
    await redeliver(
      () => this.#sessions.close(session.id, { status: "completed", pagesTotal: tally.pagesTotal }, call),
      this.#clock,
      request.signal,
    );
    return { sessionId: session.id, resumed: session.resumed, ...tally, rejected };
  }

  /** Embeds everything that has no current embedding, e.g. after the model changed. @returns how many were embedded */
  async embedPending(options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    let embedded = 0;
    const onEmbedded = (count: number) => void (embedded += count);
    await new EmbeddingQueue(this.#repository, this.#embedder, this.#clock, { ...options, onEmbedded }).drain();
    return embedded;
  }

  /** Within a session a page is paid for once, however often it is asked for. */
  async #scrapeOne(sessionId: string, url: string, call: CallOptions): Promise<ListingsPage> {
    const idempotencyKey = `${sessionId}:${pageKey(url)}`;
    const { result } = await this.#scraper.run({ url, goal: GOAL, output: listingsPage, idempotencyKey, ...call });
    return result;
  }
}

/** Pages 2 to `total`, a few at a time; the first failure stops the taking of new pages and is thrown once all rest. */
async function forEachPage(total: number, concurrency: number, scrape: (page: number) => Promise<void>): Promise<void> {
  let next = 2;
  let failure: { readonly error: unknown } | undefined;
  const worker = async () => {
    while (next <= total && !failure) {
      const page = next++;
      await scrape(page).catch((error: unknown) => void (failure ??= { error }));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (failure) throw failure.error;
}

function checkRequest(
  request: ScrapeRequest,
): Required<Pick<ScrapeRequest, "source" | "pageUrl" | "maxPages" | "concurrency">> {
  const problems: string[] = [];
  if (!/^[\w.:-]{1,100}$/.test(request.source)) problems.push("source must be 1 to 100 letters, digits, or . : _ -");
  if (!URL.canParse(request.url)) problems.push("url must be an absolute http(s) address");
  const { maxPages = 10_000, concurrency = 3 } = request;
  if (!Number.isInteger(maxPages) || maxPages < 1 || maxPages > 10_000)
    problems.push("maxPages must be a whole number from 1 to 10,000");
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 50)
    problems.push("concurrency must be a whole number from 1 to 50");
  if (problems.length > 0)
    throw new IntegrationError({ code: "INVALID_INPUT", message: `listings.scrape: ${problems.join("; ")}` });
  const numbered = (page: number) => {
    const url = new URL(request.url);
    url.searchParams.set("page", String(page));
    return url.href;
  };
  return { source: request.source, pageUrl: request.pageUrl ?? numbered, maxPages, concurrency };
}

function hashOf(content: ListingsPage): string {
  return createHash("sha256").update(JSON.stringify(content.listings)).digest("hex").slice(0, 32);
}
