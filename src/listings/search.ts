import { IntegrationError } from "../core/index.ts";
import { selectList } from "./columns.ts";
import { type Listing, storableText } from "./listing.ts";
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

/** The only list of the filters: what each takes, and its condition. */
const filterConditions: {
  readonly [Name in keyof SearchFilters]-?: {
    readonly type: "number" | "string" | "boolean";
    readonly sql: (placeholder: string) => string;
  };
} = {
  minPrice: { type: "number", sql: (value) => `l.price >= ${value}` },
  maxPrice: { type: "number", sql: (value) => `l.price <= ${value}` },
  minBedrooms: { type: "number", sql: (value) => `l.bedrooms >= ${value}` },
  minBathrooms: { type: "number", sql: (value) => `l.bathrooms >= ${value}` },
  zipcode: { type: "string", sql: (value) => `l.zipcode = ${value}` },
  waterfront: { type: "boolean", sql: (value) => `l.waterfront = ${value}` },
  source: { type: "string", sql: (value) => `l.source = ${value}` },
  sourcePrefix: { type: "string", sql: (value) => `starts_with(l.source, ${value})` },
};
const filterNames = Object.keys(filterConditions) as (keyof SearchFilters)[];

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
    const given = checkRequest(request);
    const { signal, deadlineMs, limit = 10 } = request;
    const options: CallOptions = { ...(signal && { signal }), ...(deadlineMs !== undefined && { deadlineMs }) };
    const { filters: read, words } = splitQuery(request.text ?? "");
    const filters = { ...read, ...given };
    const where = new Conditions(filters);
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
    // Vectors of two models have nothing to say to each other.
    const comparable = `l.embedding_model = ${where.param(this.#embedder.embedModel)}`;
    const distance = `l.embedding <=> ${where.param(vectorText(vector))}::vector`;
    const sql = (mode === "hybrid" ? hybridSql : vectorSql)(where, { comparable, distance, words, limit });
    const found = await this.#database.query<SearchHit>(sql, where.params, options);
    return Object.assign(found, { filters, words, mode });
  }
}

interface Wanted {
  /** True of a listing whose embedding may be compared. */
  readonly comparable: string;
  /** From what is wanted; ordered by as it stands, so that an index on it can serve. */
  readonly distance: string;
  readonly words: string;
  readonly limit: number;
}

function vectorSql(where: Conditions, { comparable, distance, limit }: Wanted): string {
  return `select ${selectList("l")}, greatest(0, 1 - (${distance})) as score from listings l
           where ${comparable} and ${where.sql} order by ${distance}, l.id limit ${limit}`;
}

/** Candidates by meaning and candidates by words, scored together. Any of the words may match: all of them rarely do. */
function hybridSql(where: Conditions, { comparable, distance, words, limit }: Wanted): string {
  const terms = `replace(plainto_tsquery('english', ${where.param(words)})::text, '&', '|')::tsquery`;
  const candidates = limit * 5;
  return `with terms as (select ${terms} as query),
    near as (select l.id from listings l where ${comparable} and ${where.sql} order by ${distance} limit ${candidates}),
    worded as (select l.id from listings l, terms where l.search_text @@ terms.query and ${where.sql}
               order by ts_rank_cd(l.search_text, terms.query) desc limit ${candidates})
    select ${selectList("l")},
           ${VECTOR_WEIGHT} * case when ${comparable} then greatest(0, 1 - (${distance})) else 0 end
             + ${1 - VECTOR_WEIGHT} * ts_rank_cd(l.search_text, terms.query, 32)::float8 as score
      from listings l, terms
     where l.id in (select id from near union select id from worded)
     order by score desc, l.id limit ${limit}`;
}

/** The conditions and their parameters: no value ever becomes SQL text. */
class Conditions {
  readonly params: unknown[] = [];
  readonly sql: string;

  constructor(filters: SearchFilters) {
    const parts = filterNames.flatMap((name) =>
      filters[name] === undefined ? [] : [filterConditions[name].sql(this.param(filters[name]))],
    );
    this.sql = parts.join(" and ") || "true";
  }

  /** @returns the value's placeholder */
  param(value: unknown): string {
    return `$${this.params.push(value)}`;
  }
}

/** @returns the filters that were given. @throws IntegrationError INVALID_INPUT naming every problem */
function checkRequest(request: SearchRequest): SearchFilters {
  const { text, mode, limit = 10 } = request;
  const problems: string[] = [];
  if (text !== undefined && typeof text !== "string") problems.push("text must be a text");
  if (mode !== undefined && mode !== "hybrid" && mode !== "vector") problems.push('mode must be "hybrid" or "vector"');
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    problems.push(`limit must be a whole number from 1 to 100, but is ${String(limit)}`);
  const given = filterNames.map((name) => [name, request[name]] as const).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    const { type } = filterConditions[name];
    if (typeof value !== type) problems.push(`${name} must be a ${type}`);
    else if (typeof value === "number" && !(value >= 0 && Number.isFinite(value)))
      problems.push(`${name} must be a number of 0 or more, but is ${value}`);
    else if (typeof value === "string" && storableText(value) !== value)
      problems.push(`${name} must be text without NUL characters and lone surrogates`);
  }
  if (problems.length > 0)
    throw new IntegrationError({ code: "INVALID_INPUT", message: `listings.search: ${problems.join("; ")}` });
  return Object.fromEntries(given);
}
