import { randomBytes, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { type Clock, packageRoot, systemClock } from "../../core/index.ts";
import { FaultPlan } from "../faults.ts";
import { startLoopbackServer } from "../loopback-server.ts";
import { Agent } from "./agent.ts";
import { readJson, readQuery, Refusal, reply } from "./answers.ts";
import { type House } from "./house.ts";
import { readHouses, type RowProblem } from "./houses.ts";
import { fetchPages } from "./page-fetch.ts";
import { noQuirks, type Quirks } from "./quirks.ts";
import { fetchRequest, searchQuery } from "./requests.ts";
import { RunEngine } from "./run-engine.ts";
import { HouseSearch } from "./search.ts";
import { listingSite } from "./site.ts";
import { Wallet } from "./wallet.ts";
import { deliverWebhook } from "./webhook.ts";

export interface TinyFishStandInOptions {
  /** What shall go wrong with requests to the API; the listing site is never hit. @defaultValue nothing */
  readonly faults?: FaultPlan;
  /** Port of the API. @defaultValue 0: any free port */
  readonly port?: number;
  /** Port of the listing site. @defaultValue 0: any free port */
  readonly sitePort?: number;
  /** The key that requests must bring. @defaultValue a new one, given back in `env` */
  readonly apiKey?: string;
  /** The houses on the listing site, or the CSV file that holds them. @defaultValue the package's sample data */
  readonly houses?: readonly House[] | string;
  /** Houses on a page of the site. @defaultValue 20 */
  readonly pageSize?: number;
  /** Runs performed at a time; more wait as PENDING. @defaultValue 3 */
  readonly maxConcurrentRuns?: number;
  /** How long a step takes beyond its real work, ms. @defaultValue 5 */
  readonly stepDelayMs?: number;
  /** Silence on an event stream before a heartbeat, ms. @defaultValue 5000 */
  readonly heartbeatMs?: number;
  /** USD in the wallet; each step takes 0.016. @defaultValue 1000 */
  readonly walletUsd?: number;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

export interface TinyFishStandIn {
  /** Base URL of the API: agent, search and fetch. */
  readonly url: string;
  /** Origin of the listing site: `${siteUrl}/listings?page=1`. */
  readonly siteUrl: string;
  readonly env: { readonly TINYFISH_API_URL: string; readonly TINYFISH_API_KEY: string };
  /** Rows of the CSV file that are not on the site, and why. */
  readonly problems: readonly RowProblem[];
  /** The vendor's oddities, to be switched at any time. */
  readonly quirks: Quirks;
  stats(): TinyFishStats;
  /** Cancels what is running and closes both servers. Calling it twice is calling it once. */
  close(): Promise<void>;
}

export interface TinyFishStats {
  /** Runs ever created: each one costs money. */
  readonly runsCreated: number;
  readonly running: number;
  readonly peakRunning: number;
  readonly queued: number;
  readonly stepsPaid: number;
  readonly walletUsd: number;
}

/**
 * TinyFish on this machine: runs really visit pages (of loopback addresses only) and really extract what their
 * `output_schema` asks for from the pages' microdata. Comes with a listing site to visit.
 *
 * @throws Error if a port is taken, or the CSV file cannot be read
 */
export async function startTinyFishStandIn(options: TinyFishStandInOptions = {}): Promise<TinyFishStandIn> {
  const {
    faults = new FaultPlan(),
    clock = systemClock,
    apiKey = `sk-mino-${randomBytes(16).toString("hex")}`,
  } = options;
  const source = options.houses ?? join(packageRoot(), "data", "king-county-sample.csv");
  const { houses, problems } = typeof source === "string" ? await readHouses(source) : { houses: source, problems: [] };
  const quirks: Quirks = { ...noQuirks };
  const wallet = new Wallet(options.walletUsd ?? 1000);
  const closing = new AbortController();
  const engine = new RunEngine({
    clock,
    wallet,
    maxConcurrentRuns: options.maxConcurrentRuns ?? 3,
    stepDelayMs: options.stepDelayMs ?? 5,
    onOver: (run) => void deliverWebhook(run, clock, closing.signal).catch(() => undefined),
  });
  const agent = new Agent({ engine, wallet, clock, quirks, heartbeatMs: options.heartbeatMs ?? 5000 });

  const site = await startLoopbackServer({
    service: "tinyfish",
    faults: new FaultPlan(), // the API's faults are not the site's
    handle: listingSite(houses, options.pageSize ?? 20),
    port: options.sitePort ?? 0,
    clock,
  });
  const search = new HouseSearch(houses);
  const handle = async (request: Request): Promise<Response> => {
    checkKey(request, apiKey);
    const { pathname } = new URL(request.url);
    if (request.method === "GET" && pathname === "/v1/search") {
      const { query, page } = readQuery(request, searchQuery);
      return reply(search.search(query, page, site.url), quirks);
    }
    if (request.method === "POST" && pathname === "/v1/fetch")
      return reply(await fetchPages(await readJson(request, fetchRequest), clock, request.signal), quirks);
    const answered = agent.handle(request);
    if (!answered) throw new Refusal(404, "NOT_FOUND", `there is no ${request.method} ${pathname}`);
    return answered;
  };
  const api = await startLoopbackServer({
    service: "tinyfish",
    faults,
    handle: (request) => handle(request).catch(refuse),
    port: options.port ?? 0,
    clock,
  }).catch(async (error: unknown) => {
    await site.close();
    throw error;
  });

  let closed: Promise<unknown> | undefined;
  const close = async () => {
    closing.abort(new Error("the stand-in is closing"));
    engine.close();
    await (closed ??= Promise.all([api.close(), site.close()]));
  };
  return {
    url: api.url,
    siteUrl: site.url,
    env: { TINYFISH_API_URL: api.url, TINYFISH_API_KEY: apiKey },
    problems,
    quirks,
    stats: () => ({ ...engine.counts, stepsPaid: wallet.steps, walletUsd: wallet.usd }),
    close,
  };
}

/** @throws Refusal 401 */
function checkKey(request: Request, apiKey: string): void {
  const given = request.headers.get("x-api-key");
  if (given === null || given === "")
    throw new Refusal(401, "MISSING_API_KEY", "send your key in the X-API-Key header");
  const [one, other] = [Buffer.from(given), Buffer.from(apiKey)];
  if (one.length !== other.length || !timingSafeEqual(one, other))
    throw new Refusal(401, "INVALID_API_KEY", "the API key is not valid");
}

function refuse(thrown: unknown): Response {
  if (thrown instanceof Refusal) return thrown.toResponse();
  return new Refusal(500, "INTERNAL_ERROR", thrown instanceof Error ? thrown.message : "internal error").toResponse();
}
