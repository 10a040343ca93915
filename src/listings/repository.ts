import { columns, selectList } from "./columns.ts";
import { contentHash, embeddingText, type Listing, type ScrapedListing } from "./listing.ts";
import { type CallOptions, type Queryable } from "./ports.ts";

export interface StoredCounts {
  readonly inserted: number;
  readonly updated: number;
  /** Already stored with the same content: not touched. */
  readonly unchanged: number;
}

export interface PendingEmbedding {
  readonly id: string;
  readonly contentHash: string;
  readonly text: string;
}

/** Reads and writes listings. Every write may be repeated without effect, so every write may be retried. */
export class ListingRepository {
  readonly #database: Queryable;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /**
   * Stores a page's listings and marks the page as done, in one statement: a crash leaves both or neither. Rows whose
   * content did not change are left alone. If the session stored this very page before, at `since` (the database's time)
   * or later, the answer was lost on its way, and is given again.
   */
  async upsertPage(
    source: string,
    listings: readonly ScrapedListing[],
    page: { readonly sessionId: string; readonly url: string; readonly hash: string; readonly since?: string },
    options: CallOptions = {},
  ): Promise<StoredCounts> {
    // Postgres refuses to update one row twice in a statement; the page's last word on a listing wins. In the order of
    // the keys, so that two pages with the same listings cannot lock each other out.
    const byKey = new Map(listings.map((listing) => [listing.sourceKey, listing]));
    const rows = [...byKey.values()].sort((a, b) => (a.sourceKey < b.sourceKey ? -1 : 1));
    const arrays = columns.map(({ field }) => rows.map((row) => row[field]));
    const params = [source, rows.map(contentHash), ...arrays, page.sessionId, page.url, page.hash];
    params.push(page.since ?? "infinity");
    const [counts] = await this.#database.query<{ inserted: number; updated: number }>(upsertPageSql, params, {
      ...options,
      idempotent: true,
    });
    const { inserted = 0, updated = 0 } = counts ?? {};
    return { inserted, updated, unchanged: rows.length - inserted - updated };
  }

  /** Listings whose current content has no embedding of this model yet, oldest first. */
  async pendingEmbeddings(model: string, limit: number, options: CallOptions = {}): Promise<PendingEmbedding[]> {
    const rows = await this.#database.query<{ id: string; content_hash: string; title: string; description: string }>(
      `select id, content_hash, title, description from listings
        where embedding_hash is distinct from content_hash or embedding_model is distinct from $1
        order by created_at, id limit $2`,
      [model, limit],
      { ...options, idempotent: true },
    );
    return rows.map((row) => ({ id: row.id, contentHash: row.content_hash, text: embeddingText(row) }));
  }

  /** Stores embeddings of content that is still current; an embedding of changed content is dropped, and comes again. */
  async storeEmbeddings(
    model: string,
    embeddings: readonly { readonly id: string; readonly contentHash: string; readonly vector: readonly number[] }[],
    options: CallOptions = {},
  ): Promise<number> {
    const rows = await this.#database.query<{ id: string }>(
      `update listings l
          set embedding = e.embedding::vector, embedding_hash = e.content_hash, embedding_model = $1
         from unnest($2::uuid[], $3::text[], $4::text[]) as e(id, content_hash, embedding)
        where l.id = e.id and l.content_hash = e.content_hash
      returning l.id`,
      [
        model,
        embeddings.map((e) => e.id),
        embeddings.map((e) => e.contentHash),
        embeddings.map((e) => vectorText(e.vector)),
      ],
      { ...options, idempotent: true },
    );
    return rows.length;
  }

  /** @returns the listing, or undefined if none has this id */
  async get(id: string, options: CallOptions = {}): Promise<Listing | undefined> {
    if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id)) return undefined;
    const rows = await this.#database.query<Listing>(
      `select ${selectList("l")} from listings l where l.id = $1`,
      [id],
      options,
    );
    return rows[0];
  }

  /** How many there are, and how many of them with an embedding of their current content. */
  async count(source?: string, options: CallOptions = {}): Promise<{ listings: number; embedded: number }> {
    const rows = await this.#database.query<{ listings: number; embedded: number }>(
      `select count(*)::int as listings, (count(*) filter (where embedding_hash = content_hash))::int as embedded
         from listings where $1::text is null or source = $1`,
      [source ?? null],
      options,
    );
    return rows[0] ?? { listings: 0, embedded: 0 };
  }
}

/** pgvector's text form. Six digits keep cosine ranks; more only cost parsing. */
export function vectorText(vector: readonly number[]): string {
  return `[${vector.map((value) => Number(value.toPrecision(6))).join(",")}]`;
}

const names = columns.map(({ column }) => column);
// $1 source, $2 content hashes, $3… one array per column, then session id, page url, page hash, since.
const unnested = ["$2::text[]", ...columns.map(({ type }, index) => `$${index + 3}::${type}[]`)].join(", ");
const after = columns.length + 3;
const sourceKeys = `$${names.indexOf("source_key") + 3}::text[]`;
// All that one statement writes bears the same time, by which a page's rows are known again.
const upsertPageSql = `
  with earlier as (
    select scraped_at from scraped_pages
     where source = $1 and url = $${after + 1} and session_id = $${after}::uuid and page_hash = $${after + 2}
       and scraped_at >= $${after + 3}::timestamptz
  ), untold as (
    select listings.created_at = earlier.scraped_at as is_new
      from earlier join listings on listings.source = $1 and listings.source_key = any(${sourceKeys})
                                and listings.scraped_at = earlier.scraped_at
  ), stored as (
    insert into listings (source, content_hash, ${names.join(", ")}, scraped_at)
    select $1, rows.*, now() from unnest(${unnested}) as rows(content_hash, ${names.join(", ")})
    on conflict (source, source_key) do update
       set ${["content_hash", ...names.filter((name) => name !== "source_key")].map((name) => `${name} = excluded.${name}`).join(", ")},
           scraped_at = now(), updated_at = now()
     where listings.content_hash is distinct from excluded.content_hash
    returning (xmax = 0) as is_new
  ), page as (
    insert into scraped_pages (source, url, session_id, page_hash, status, listings_count, scraped_at)
    values ($1, $${after + 1}, $${after}::uuid, $${after + 2}, 'done', cardinality($2::text[]), now())
    on conflict (source, url) do update
       set session_id = excluded.session_id, page_hash = excluded.page_hash, status = 'done',
           listings_count = excluded.listings_count,
           scraped_at = coalesce((select scraped_at from earlier), now())
  )
  select (count(*) filter (where is_new))::int as inserted, (count(*) filter (where not is_new))::int as updated
    from (select is_new from stored union all select is_new from untold) as written`;
