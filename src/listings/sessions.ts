import { type CallOptions, type Queryable } from "./ports.ts";

export interface ScrapingSession {
  readonly id: string;
  /** True if an earlier, unfinished session of this source goes on. */
  readonly resumed: boolean;
  /** Pages that are done already, by {@link pageKey}. */
  readonly donePages: ReadonlySet<string>;
  /** When this run took the session up, by the database's clock. */
  readonly openedAt: string;
}

/** Where a source's scraping stands, so that a run that was cut short goes on where it stopped. */
export class ScrapingSessions {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /** Takes up the source's unfinished session, or begins a new one. */
  async open(source: string, options: CallOptions = {}): Promise<ScrapingSession> {
    const unfinished = await this.#database.query<{ id: string }>(
      "select id from scraping_sessions where source = $1 and status <> 'completed' order by started_at desc limit 1",
      [source],
      options,
    );
    const id = unfinished[0]?.id ?? crypto.randomUUID();
    const opened = await this.#database.query<{ at: string }>(
      `insert into scraping_sessions (id, source, status) values ($1, $2, 'running')
       on conflict (id) do update set status = 'running', error = null, finished_at = null
       returning now()::text as at`,
      [id, source],
      { ...options, idempotent: true },
    );
    const openedAt = opened[0]!.at;
    if (unfinished.length === 0) return { id, resumed: false, donePages: new Set(), openedAt };
    const rows = await this.#database.query<{ urls: string[] | null }>(
      "select array_agg(url) as urls from scraped_pages where source = $1 and session_id = $2 and status = 'done'",
      [source, id],
      options,
    );
    return { id, resumed: true, donePages: new Set(rows[0]?.urls ?? []), openedAt };
  }

  async close(
    id: string,
    outcome: {
      readonly status: "completed" | "interrupted" | "failed";
      readonly pagesTotal: number;
      readonly error?: string;
    },
    options: CallOptions = {},
  ): Promise<void> {
    await this.#database.query(
      `update scraping_sessions s
          set status = $2, pages_total = $3, error = $4, finished_at = now(),
              pages_done = pages.done, listings_found = pages.listings
         from (select count(*)::int as done, coalesce(sum(listings_count), 0)::int as listings
                 from scraped_pages where session_id = $1 and status = 'done') pages
        where s.id = $1`,
      [id, outcome.status, outcome.pagesTotal, outcome.error ?? null],
      { ...options, idempotent: true },
    );
  }
}

/** A page's identity within its source: path and query, because a site may move to another host or port. */
export function pageKey(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
