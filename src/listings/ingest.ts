import { type EventBus } from "../core/index.ts";
import { EmbeddingQueue } from "./embedding-queue.ts";
import { type CallOptions, type Embedder, type FeatureSwitches, type Scraper } from "./ports.ts";
import { type Redelivery } from "./redelivery.ts";
import { type ListingRepository } from "./repository.ts";
import { ScrapeJob } from "./scrape-job.ts";
import { planScrape, type ScrapeRequest, type ScrapeResult } from "./scrape-request.ts";
import { type ScrapingSessions } from "./sessions.ts";

/** Bound on the last statement of a session that ends early. */
const LAST_WORD_MS = 5_000;

/** Pages become rows, rows become vectors; each step may be repeated, and what is done is known by the database alone. */
export class ListingIngest {
  readonly #scraper: Scraper;
  readonly #embedder: Embedder;
  readonly #repository: ListingRepository;
  readonly #sessions: ScrapingSessions;
  readonly #features: FeatureSwitches;
  readonly #redelivery: Redelivery;
  readonly #events: EventBus | undefined;

  constructor(deps: {
    scraper: Scraper;
    embedder: Embedder;
    repository: ListingRepository;
    sessions: ScrapingSessions;
    features: FeatureSwitches;
    redelivery: Redelivery;
    events?: EventBus | undefined;
  }) {
    this.#scraper = deps.scraper;
    this.#embedder = deps.embedder;
    this.#repository = deps.repository;
    this.#sessions = deps.sessions;
    this.#features = deps.features;
    this.#redelivery = deps.redelivery;
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
    const plan = planScrape(request);
    const { signal } = request;
    const call: CallOptions = signal ? { signal } : {};
    const session = await this.#redelivery.run(() => this.#sessions.open(plan.source, call), signal);
    const job = new ScrapeJob({
      ...{ plan, session, call, scraper: this.#scraper, repository: this.#repository, redelivery: this.#redelivery },
      onStored: (counts) => this.#events?.emit("listings.stored", counts),
      onProgress: request.onProgress,
    });
    const queue = this.#queue(call, (count) => job.embedded(count));
    try {
      await job.run(queue);
      await queue.drain();
    } catch (error) {
      const status = signal?.aborted ? "interrupted" : "failed";
      const message = error instanceof Error ? error.message : String(error);
      // Without the caller's signal: the session's state is worth a last statement. If even that fails, the session
      // stays "running", which the next call takes up just as well.
      const outcome = { status, pagesTotal: job.result.pagesTotal, error: message } as const;
      await this.#sessions.close(session.id, outcome, { deadlineMs: LAST_WORD_MS }).catch(() => undefined);
      await queue.rest();
      throw error;
    }
    const outcome = { status: "completed", pagesTotal: job.result.pagesTotal } as const;
    await this.#redelivery.run(() => this.#sessions.close(session.id, outcome, call), signal);
    this.#events?.emit("workflow.completed", { name: "listings.scrape" });
    return job.result;
  }

  /** Embeds everything that has no current embedding, e.g. after the model changed. @returns how many were embedded */
  async embedPending(options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    let embedded = 0;
    await this.#queue(options, (count) => (embedded += count)).drain();
    return embedded;
  }

  #queue(call: CallOptions, onEmbedded: (count: number) => void): EmbeddingQueue {
    return new EmbeddingQueue({
      ...{ repository: this.#repository, embedder: this.#embedder, redelivery: this.#redelivery, call },
      onEmbedded: (count) => {
        this.#events?.emit("listings.embedded", { count });
        onEmbedded(count);
      },
    });
  }
}
