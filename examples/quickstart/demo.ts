import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIntegration, type Integration, IntegrationError } from "enhanced-integration";
import { type House, type LocalStack, readHouses, sampleDataFile, startLocalStack } from "enhanced-integration/local";
import { injectFaults } from "./faults.ts";
import { recount, type Recount } from "./recount.ts";
import { type Display } from "./display.ts";

export interface DemoOptions {
  readonly rows?: number | undefined;
  readonly data?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly fresh: boolean;
  readonly display: Display;
  readonly signal: AbortSignal;
}

export interface ServiceFigures {
  readonly count: number;
  readonly errors: number;
  readonly retries: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly breaker: string;
}

export interface DemoSummary extends Recount {
  readonly ok: boolean;
  /** What this run itself wrote. */
  readonly stored: {
    readonly inserted: number;
    readonly updated: number;
    readonly unchanged: number;
    readonly embedded: number;
  };
  readonly resumed: boolean;
  readonly skippedRows: readonly { readonly line: number; readonly problem: string }[];
  readonly zipcodes: number;
  readonly alertMatches: number;
  readonly documents: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly query: string;
  readonly hits: readonly {
    readonly title: string;
    readonly price: number;
    readonly zipcode: string | null;
    readonly score: number;
  }[];
  readonly seconds: number;
  readonly peakMemoryMb: number;
  readonly calls: Readonly<Record<string, ServiceFigures>>;
}

const QUERY = "older home near the water with a big lot under 700k";
const documents = ["offer", "inspection", "title", "disclosure", "contract"];
const PERSON = { email: "ada@example.com", password: "correct-horse-battery-staple" };

/** Scrape, store, embed, watch, search; and count afterwards whether all of it is there, once. */
export async function runDemo(options: DemoOptions): Promise<DemoSummary> {
  const { display, signal } = options;
  const startedAt = performance.now();
  const file = options.data ?? sampleDataFile();
  const read = await readHouses(file);
  const houses = read.houses.slice(0, options.rows);
  for (const { line, problem } of read.problems) display.note(`line ${line} is skipped: ${problem}`);
  display.step(`starting Neon, Supabase, TinyFish and Ollama on this machine, with ${houses.length} houses to scrape`);

  await using stack = await startStack(options, houses);
  for (const notice of stack.notices) display.note(notice);
  // Short bounds, so that the stalled calls below cost seconds and not half a minute.
  await using integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" }, shortPatience);
  await integration.neon.migrate();
  await integration.start();

  const accessToken = await signUpOrIn(integration);
  display.step(`signed in as ${PERSON.email}`);
  await watchMarket(integration, accessToken, houses[0]?.zipcode ?? "98103");

  const source = await sourceOf(file);
  const half: { reached: boolean; documents: Promise<PromiseSettledResult<void>[]> } = {
    reached: false,
    documents: Promise.resolve([]),
  };
  let stored: DemoSummary["stored"] & { resumed: boolean };
  try {
    stored = await integration.listings.scrape({
      source,
      url: stack.siteUrl,
      signal,
      onProgress(progress) {
        display.progress(progress, houses.length);
        if (half.reached || progress.pagesDone * 2 < progress.pagesTotal) return;
        half.reached = true;
        display.note("half way: resetting, stalling, throttling and failing calls of all four services");
        injectFaults(stack.faults);
        half.documents = Promise.allSettled(documents.map((name) => storeDocument(integration, accessToken, name)));
      },
    });
  } finally {
    await half.documents;
  }
  for (const stored of await half.documents) if (stored.status === "rejected") throw stored.reason;
  signal.throwIfAborted();

  const zipcodes = await integration.listings.market.refresh();
  const alerts = await integration.listings.market.evaluateAlerts();
  display.step(`market figures for ${zipcodes} zip codes; the alert found ${alerts.length} new listings`);
  const hits = await integration.listings.search({ text: QUERY, source, limit: 5 });
  const counted = await recount(integration, source, houses);
  const documentsFound = await countDocuments(integration, accessToken);
  const faults = Object.fromEntries(stackFaults(stack));

  const summary = {
    ...counted,
    ok: counted.lost === 0 && counted.duplicates === 0 && documentsFound === documents.length,
    stored: {
      inserted: stored.inserted,
      updated: stored.updated,
      unchanged: stored.unchanged,
      embedded: stored.embedded,
    },
    resumed: stored.resumed,
    skippedRows: read.problems,
    zipcodes,
    alertMatches: await countMatches(integration, accessToken),
    documents: documentsFound,
    faults,
    query: QUERY,
    hits: hits.map(({ title, price, zipcode: zip, score }) => ({
      title,
      price,
      zipcode: zip,
      score: Number(score.toFixed(3)),
    })),
    seconds: Number(((performance.now() - startedAt) / 1000).toFixed(1)),
    peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024),
    calls: callFigures(integration),
  };
  return summary;
}

const patience = { attemptTimeoutMs: 3_000 };
const shortPatience = {
  policies: { neon: patience, supabase: patience, tinyfish: patience },
  clients: { ollama: { firstByteTimeoutMs: 5_000 }, tinyfish: { timeoutMs: 3_000 } },
};

/** Opens the stack on the data folder; if another run holds it, on a folder of its own that goes with the run. */
async function startStack(options: DemoOptions, houses: readonly House[]): Promise<LocalStack> {
  const dataDir = options.dataDir ?? join(".local-stack", "demo");
  if (options.fresh) await rm(dataDir, { recursive: true, force: true });
  try {
    return await startLocalStack({ dataDir, houses });
  } catch (error) {
    if (options.dataDir !== undefined || !(error instanceof Error) || !/in use/.test(error.message)) throw error;
    options.display.note("another run is using the data folder; this one keeps its data in a temporary folder");
    const temporary = await mkdtemp(join(tmpdir(), "enhanced-integration-demo-"));
    const stack = await startLocalStack({ dataDir: temporary, houses });
    const close = () => stack.close().finally(() => rm(temporary, { recursive: true, force: true }));
    return { ...stack, close, [Symbol.asyncDispose]: close };
  }
}

/** @returns the person's access token */
async function signUpOrIn({ supabase: { auth } }: Integration): Promise<string> {
  try {
    const { session } = await auth.signUp(PERSON);
    if (session) return session.accessToken;
  } catch (error) {
    // The second run with the same folder: the person is there already.
    if (!IntegrationError.isInstance(error) || error.code !== "CONFLICT") throw error;
  }
  return (await auth.signIn(PERSON)).session.accessToken;
}

/** Makes the person's alert, unless an earlier run did; some zip code of the data, so that it has something to find. */
async function watchMarket({ listings: { market } }: Integration, token: string, zipcode: string): Promise<void> {
  const name = `Under 600k in ${zipcode}`;
  const alerts = await market.alerts(token);
  if (!alerts.some((alert) => alert.name === name))
    await market.createAlert(token, { name, zipcode, maxPrice: 600_000 });
}

/** Two files never mix their listings, and the same file always meets its own again. */
async function sourceOf(file: string): Promise<string> {
  return `houses-${createHash("sha256")
    .update(await readFile(file))
    .digest("hex")
    .slice(0, 8)}`;
}

async function storeDocument(integration: Integration, token: string, name: string): Promise<void> {
  const body = new TextEncoder().encode(`Document: ${name}. Offer: 640,000 USD, subject to inspection.\n`);
  await integration.listings.documents.store({ token, path: `offers/${name}.txt`, body, contentType: "text/plain" });
}

/** Counts documents whose row says stored and whose object is really there. */
async function countDocuments(integration: Integration, token: string): Promise<number> {
  const rows = await integration.neon.asUser(token, (tx) =>
    tx.query<{ bucket: string; path: string; size: number }>(
      "select bucket, path, size_bytes::int as size from documents where status = 'stored'",
    ),
  );
  let found = 0;
  for (const { bucket, path, size } of rows) {
    const { bytes } = await integration.supabase.storage.download({ bucket, path, token });
    if (bytes.byteLength === size) found += 1;
  }
  return found;
}

async function countMatches(integration: Integration, token: string): Promise<number> {
  const rows = await integration.neon.asUser(token, (tx) =>
    tx.query<{ n: number }>("select count(*)::int as n from market_alert_matches"),
  );
  return rows[0]?.n ?? 0;
}

function* stackFaults(stack: LocalStack): Generator<[string, number]> {
  for (const service of ["neon", "supabase", "tinyfish", "ollama"] as const)
    yield [service, stack.faults.fired(service)];
}

function callFigures(integration: Integration): Record<string, ServiceFigures> {
  const breakers = integration.describe().breakers;
  return Object.fromEntries(
    Object.entries(integration.monitoring.serviceSummary()).map(([service, figures]) => [
      service,
      { ...figures, p50Ms: round(figures.p50Ms), p95Ms: round(figures.p95Ms), breaker: breakers[service] ?? "closed" },
    ]),
  );
}

const round = (ms: number) => Number(ms.toFixed(1));
