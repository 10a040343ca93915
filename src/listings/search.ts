import { IntegrationError } from "../core/index.ts";
import { selectList } from "./columns.ts";
import { type Listing } from "./listing.ts";
import { type CallOptions, type Embedder, type FeatureSwitches, type Queryable } from "./ports.ts";
import { splitQuery } from "./query-words.ts";
import { vectorText } from "./repository.ts";

export interface SearchFilters {
  readonly minPrice?: number;
  readonly maxPrice?: number;
  readonly minBedrooms?: number;
  readonly minBathrooms?: number;
  readonly zipcode?: string;
  readonly waterfront?: boolean;
  readonly source?: string;
  /** Only sources whose name begins so, e.g. a tenant's. */
  readonly sourcePrefix?: string;
}

export interface SearchRequest extends SearchFilters, CallOptions {
  /** What is wanted, in words; prices, rooms and zip codes in it become filters. Without it, the filters alone decide. */
  readonly text?: string;
  /** `vector` by meaning, `hybrid` by meaning and words. @defaultValue hybrid where ENABLE_SEMANTIC_SEARCH is on, else vector */
  readonly mode?: "hybrid" | "vector";
  /** 1 to 100. @defaultValue 10 */
  readonly limit?: number;
}

export interface SearchHit extends Listing {
  /** 0 to 1, higher is nearer; 0 when only filters were given. */
  readonly score: number;
}

/** The hits, best first, and what was searched once the words were read. */
export type SearchHits = readonly SearchHit[] & {
  readonly filters: SearchFilters;
  readonly words: string;
  readonly mode: "hybrid" | "vector" | "filters";
};

const filterNames = [
  "minPrice",
  "maxPrice",
  "minBedrooms",
  "minBathrooms",
  "zipcode",
  "waterfront",
  "source",
  "sourcePrefix",
] as const;

/** How much meaning weighs against matching words in a hybrid score. */
const VECTOR_WEIGHT = 0.75;

/** Finds listings by meaning, by words and by facts. */
export class ListingSearch {
  readonly #database: Queryable;
  readonly #embedder: Embedder;
  readonly #features: FeatureSwitches;

  constructor(database: Queryable, embedder: Embedder, features: FeatureSwitches) {
    this.#database = database;
    this.#embedder = embedder;
    this.#features = features;
  }

  /** @throws IntegrationError FEATURE_DISABLED (ENABLE_VECTOR_SEARCH, ENABLE_SEMANTIC_SEARCH), INVALID_INPUT */
  async search(request: SearchRequest): Promise<SearchHits> {
    const limit = checkLimit(request.limit ?? 10);
    const { signal, deadlineMs } = request;
    const options: CallOptions = { ...(signal && { signal }), ...(deadlineMs !== undefined && { deadlineMs }) };
    const { filters: read, words } = splitQuery(request.text ?? "");
    const filters = { ...read, ...pickFilters(request) };
    const where = new Conditions();
    addFilters(where, filters);
    if (words === "") {
      const sql = `select ${selectList("l")}, 0::float8 as score from listings l where ${where.sql} order by l.price, l.id limit ${limit}`;
      const found = await this.#database.query<SearchHit>(sql, where.params, options);
      return Object.assign(found, { filters, words, mode: "filters" as const });
    }
    const mode = request.mode ?? (this.#features.isOn("semanticSearch") ? "hybrid" : "vector");
    this.#features.require("vectorSearch");
    if (mode === "hybrid") this.#features.require("semanticSearch");
    const [vector] = await this.#embedder.embed([words], options);
    if (!vector)
      throw new IntegrationError({
        code: "INVALID_OUTPUT",
        service: "ollama",
        message: "the embedding model returned no vector for the search text",
      });
    const sql = mode === "hybrid" ? hybridSql(where, vector, words, limit) : vectorSql(where, vector, limit);
    const found = await this.#database.query<SearchHit>(sql, where.params, options);
    return Object.assign(found, { filters, words, mode });
  }
}

function vectorSql(where: Conditions, vector: readonly number[], limit: number): string {
  const wanted = `${where.param(vectorText(vector))}::vector`;
  return `select ${selectList("l")}, 1 - (l.embedding <=> ${wanted}) as score from listings l
           where l.embedding is not null and ${where.sql} order by l.embedding <=> ${wanted}, l.id limit ${limit}`;
}

/** Candidates by meaning and candidates by words, scored together. Any of the words may match: all of them rarely do. */
function hybridSql(where: Conditions, vector: readonly number[], words: string, limit: number): string {
  const wanted = `${where.param(vectorText(vector))}::vector`;
  const terms = `replace(plainto_tsquery('english', ${where.param(words)})::text, '&', '|')::tsquery`;
  const candidates = limit * 5;
  return `with terms as (select ${terms} as query),
    near as (select l.id from listings l where l.embedding is not null and ${where.sql} order by l.embedding <=> ${wanted} limit ${candidates}),
    worded as (select l.id from listings l, terms where l.search_text @@ terms.query and ${where.sql}
               order by ts_rank_cd(l.search_text, terms.query) desc limit ${candidates})
    select ${selectList("l")},
           ${VECTOR_WEIGHT} * coalesce(1 - (l.embedding <=> ${wanted}), 0)
             + ${1 - VECTOR_WEIGHT} * ts_rank_cd(l.search_text, terms.query, 32)::float8 as score
      from listings l, terms
     where l.id in (select id from near union select id from worded)
     order by score desc, l.id limit ${limit}`;
}

/** Collects conditions and their parameters, so that no value ever becomes SQL text. */
class Conditions {
  readonly params: unknown[] = [];
  readonly #parts: string[] = [];

  param(value: unknown): string {
    return `$${this.params.push(value)}`;
  }

  add(condition: (placeholder: string) => string, value: unknown): void {
    if (value !== undefined) this.#parts.push(condition(this.param(value)));
  }

  get sql(): string {
    return this.#parts.length === 0 ? "true" : this.#parts.join(" and ");
  }
}

function addFilters(where: Conditions, filters: SearchFilters): void {
  where.add((p) => `l.price >= ${p}`, filters.minPrice);
  where.add((p) => `l.price <= ${p}`, filters.maxPrice);
  where.add((p) => `l.bedrooms >= ${p}`, filters.minBedrooms);
  where.add((p) => `l.bathrooms >= ${p}`, filters.minBathrooms);
  where.add((p) => `l.zipcode = ${p}`, filters.zipcode);
  where.add((p) => `l.waterfront = ${p}`, filters.waterfront);
  where.add((p) => `l.source = ${p}`, filters.source);
  where.add((p) => `starts_with(l.source, ${p})`, filters.sourcePrefix);
}

function pickFilters(request: SearchRequest): SearchFilters {
  const given = filterNames.map((name) => [name, request[name]] as const);
  for (const [name, value] of given) {
    if (typeof value === "number" && !(value >= 0 && Number.isFinite(value)))
      throw new IntegrationError({
        code: "INVALID_INPUT",
        message: `listings.search: ${name} must be a number of 0 or more, but is ${value}`,
      });
  }
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

function checkLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 100) return limit;
  throw new IntegrationError({
    code: "INVALID_INPUT",
    message: `listings.search: limit must be a whole number from 1 to 100, but is ${String(limit)}`,
  });
}
