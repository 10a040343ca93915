import { z } from "zod";
import { type EventBus, IntegrationError } from "../core/index.ts";
import { storableText } from "./listing.ts";
import { type CallOptions, type Database, type FeatureSwitches, type Verifier } from "./ports.ts";

export interface MarketFigures {
  readonly zipcode: string;
  readonly listingsCount: number;
  readonly medianPrice: number;
  readonly meanPrice: number;
  readonly minPrice: number;
  readonly maxPrice: number;
  readonly medianPricePerSqft: number | null;
}

/** What a user wants to be told of; what is not given does not matter. */
export interface AlertRequest {
  /** 1 to 200 characters. @defaultValue Market alert */
  readonly name?: string;
  readonly zipcode?: string;
  /** US dollars. */
  readonly maxPrice?: number;
  readonly minBedrooms?: number;
}

const text = z.string().refine((value) => storableText(value) === value, "no NUL characters or lone surrogates");
const alertRequest = z.object({
  name: text.min(1).max(200).default("Market alert"),
  zipcode: text.min(3).max(12).optional(),
  maxPrice: z.number().positive().max(1e10).optional(),
  minBedrooms: z.number().min(0).max(100).optional(),
});

export interface Alert {
  readonly id: string;
  readonly name: string;
  readonly zipcode: string | null;
  readonly maxPrice: number | null;
  readonly minBedrooms: number | null;
  readonly active: boolean;
  /** Listings that it found so far. */
  readonly triggerCount: number;
}

export interface AlertMatch {
  readonly alertId: string;
  readonly listingId: string;
  readonly userId: string;
}

/** Prices by zip code, and alerts that fire once for each listing that matches. */
export class Market {
  readonly #database: Database;
  readonly #verifier: Verifier;
  readonly #features: FeatureSwitches;
  readonly #events: EventBus | undefined;

  constructor(deps: {
    database: Database;
    verifier: Verifier;
    features: FeatureSwitches;
    events?: EventBus | undefined;
  }) {
    this.#database = deps.database;
    this.#verifier = deps.verifier;
    this.#features = deps.features;
    this.#events = deps.events;
  }

  /**
   * Computes today's figures for each zip code that has listings.
   *
   * @returns how many zip codes were computed
   * @throws IntegrationError FEATURE_DISABLED (ENABLE_MARKET_MONITORING)
   */
  async refresh(options: CallOptions = {}): Promise<number> {
    this.#features.require("marketMonitoring");
    const rows = await this.#database.query<{ zipcodes: number }>(refreshSql, [], { ...options, idempotent: true });
    return rows[0]?.zipcodes ?? 0;
  }

  /** The newest figures, the zip codes with most listings first; `limit` of them, 50 by default. */
  async figures(
    options: CallOptions & { readonly zipcode?: string; readonly limit?: number } = {},
  ): Promise<MarketFigures[]> {
    const { zipcode, limit = 50, ...call } = options;
    return this.#database.query<MarketFigures>(
      `select zipcode, listings_count as "listingsCount", median_price::float8 as "medianPrice",
              mean_price::float8 as "meanPrice", min_price::float8 as "minPrice", max_price::float8 as "maxPrice",
              median_price_per_sqft::float8 as "medianPricePerSqft"
         from market_data
        where period = (select max(period) from market_data) and ($1::text is null or zipcode = $1)
        order by listings_count desc, zipcode limit $2`,
      [zipcode ?? null, limit],
      call,
    );
  }

  /**
   * Creates an alert that belongs to the token's user; row-level security keeps it theirs.
   *
   * @throws IntegrationError INVALID_INPUT, UNAUTHENTICATED, FEATURE_DISABLED (ENABLE_MARKET_MONITORING)
   */
  async createAlert(token: string, request: AlertRequest): Promise<{ readonly id: string }> {
    this.#features.require("marketMonitoring");
    const { name, zipcode, maxPrice, minBedrooms } = checkAlert(request);
    const { userId } = await this.#verifier.verify(token);
    const rows = await this.#database.asUser(token, (transaction) =>
      transaction.query<{ id: string }>(
        "insert into market_alerts (user_id, name, zipcode, max_price, min_bedrooms) values ($1, $2, $3, $4, $5) returning id",
        [userId, name, zipcode ?? null, maxPrice ?? null, minBedrooms ?? null],
      ),
    );
    return { id: rows[0]!.id };
  }

  /** The alerts of the token's user, oldest first. */
  async alerts(token: string): Promise<Alert[]> {
    return this.#database.asUser(token, (transaction) =>
      transaction.query<Alert>(
        `select id, name, zipcode, max_price::float8 as "maxPrice", min_bedrooms::float8 as "minBedrooms", active,
                trigger_count as "triggerCount"
           from market_alerts order by created_at, id limit 500`,
      ),
    );
  }

  /**
   * Holds every active alert against every listing, and tells of each match at least once: `market_alert.triggered` is
   * emitted before the match is marked as told. What it looks at is what is stored, not what just happened, so a crash
   * before or within this call loses nothing.
   *
   * @returns the matches told by this call
   */
  async evaluateAlerts(options: CallOptions = {}): Promise<AlertMatch[]> {
    this.#features.require("marketMonitoring");
    const write = { ...options, idempotent: true };
    await this.#database.query(matchSql, [], write);
    const told: AlertMatch[] = [];
    for (;;) {
      const batch = await this.#database.query<AlertMatch>(untoldSql, [TOLD_AT_ONCE], options);
      for (const { alertId, listingId } of batch) this.#events?.emit("market_alert.triggered", { alertId, listingId });
      if (batch.length > 0)
        await this.#database.query(tellSql, [batch.map((m) => m.alertId), batch.map((m) => m.listingId)], write);
      told.push(...batch);
      if (batch.length < TOLD_AT_ONCE) return told;
    }
  }
}

/** @throws IntegrationError INVALID_INPUT naming every problem */
function checkAlert(request: AlertRequest): z.infer<typeof alertRequest> {
  const { success, data, error } = alertRequest.safeParse(request);
  if (success) return data;
  const problems = error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new IntegrationError({ code: "INVALID_INPUT", message: `listings.market.createAlert: ${problems.join("; ")}` });
}

/** Below the usual cap on a query's rows. */
const TOLD_AT_ONCE = 500;

const refreshSql = `
  with refreshed as (
  insert into market_data (zipcode, period, listings_count, median_price, mean_price, min_price, max_price, median_price_per_sqft, computed_at)
  select zipcode, current_date, count(*), percentile_cont(0.5) within group (order by price), avg(price), min(price), max(price),
         percentile_cont(0.5) within group (order by price / nullif(sqft_living, 0)), now()
    from listings where zipcode is not null group by zipcode
  on conflict (zipcode, period) do update
     set listings_count = excluded.listings_count, median_price = excluded.median_price, mean_price = excluded.mean_price,
         min_price = excluded.min_price, max_price = excluded.max_price,
         median_price_per_sqft = excluded.median_price_per_sqft, computed_at = excluded.computed_at
  returning zipcode
  ) select count(*)::int as zipcodes from refreshed`;

const matchSql = `
  with matched as (
    insert into market_alert_matches (alert_id, listing_id, user_id)
    select a.id, l.id, a.user_id
      from market_alerts a
      join listings l on (a.zipcode is null or l.zipcode = a.zipcode)
                     and (a.max_price is null or l.price <= a.max_price)
                     and (a.min_bedrooms is null or l.bedrooms >= a.min_bedrooms)
     where a.active
    on conflict (alert_id, listing_id) do nothing
    returning alert_id
  )
  update market_alerts a set last_triggered_at = now(), trigger_count = a.trigger_count + m.matches
    from (select alert_id, count(*)::int as matches from matched group by alert_id) m where a.id = m.alert_id`;

const untoldSql = `
  select alert_id as "alertId", listing_id as "listingId", user_id as "userId"
    from market_alert_matches where told_at is null order by matched_at, alert_id, listing_id limit $1`;

const tellSql = `
  update market_alert_matches m set told_at = now()
    from unnest($1::uuid[], $2::uuid[]) as told(alert_id, listing_id)
   where m.alert_id = told.alert_id and m.listing_id = told.listing_id`;
