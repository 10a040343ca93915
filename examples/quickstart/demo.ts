import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIntegration, type Integration } from "enhanced-integration";
import { type House, type LocalStack, readHouses, sampleDataFile, startLocalStack } from "enhanced-integration/local";
import { type Display } from "./display.ts";
import { Disturbance } from "./faults.ts";
import { InputError, type Options } from "./options.ts";
import { Person } from "./person.ts";
import { recount } from "./recount.ts";
import { callFigures, type DemoSummary, round } from "./summary.ts";

export interface DemoOptions extends Omit<Options, "json"> {
  readonly display: Display;
  /** Ends the run early; what was stored is kept. */
  readonly signal: AbortSignal;
}

const QUERY = "older home near the water with a big lot under 700k";

/** Short bounds, so that the stalled calls below cost seconds and not half a minute. */
const patience = { attemptTimeoutMs: 2_000 };
const shortPatience = {
  policies: { neon: patience, supabase: patience, tinyfish: patience },
  clients: { ollama: { firstByteTimeoutMs: 5_000 }, tinyfish: { timeoutMs: 2_000 } },
};

/** Scrape, store, embed, watch, search; and count afterwards whether all of it is there, once. */
export async function runDemo(options: DemoOptions): Promise<DemoSummary> {
  const { display, signal } = options;
  const startedAt = performance.now();
  const { houses, problems } = await readInput(options);
  for (const { line, problem } of problems) display.note(`line ${line} is skipped: ${problem}`);
  display.step(
    `starting Neon, Supabase, TinyFish and Ollama on this machine, and a site that lists ${houses.length.toLocaleString("en-US")} houses`,
  );

  await using stack = await startStack(options, houses);
  signal.throwIfAborted();
  for (const notice of stack.notices) display.note(notice);
  await using integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" }, shortPatience);
  await integration.neon.migrate({ signal });
  await integration.start();
  const person = await Person.signUpOrIn(integration);
  const alert = await person.watchMarket(houses);
  display.step(`${Person.email} is signed in and watches ${alert}`);

  const source = sourceOf(houses);
  const disturbance = new Disturbance();
  const stored = await scrape({ integration, stack, person, source, houses, disturbance, display, signal });
  signal.throwIfAborted();

  const { market } = integration.listings;
  const zipcodes = await market.refresh();
  const told = await market.evaluateAlerts();
  const alertMatches = await person.matches();
  display.step(
    `market figures for ${zipcodes} zip codes; the alert told of ${told.length} new houses, ${alertMatches} in all`,
  );
  const hits = await integration.listings.search({ text: QUERY, source, limit: 5 });
  const counted = await recount(integration, source, houses);
  const documents = await person.countDocuments();
  const { inserted, updated, unchanged, embedded, resumed } = stored;
  return {
    ...counted,
    ok:
      counted.lost === 0 &&
      counted.duplicates === 0 &&
      counted.embedded === houses.length &&
      documents === Person.documents.length,
    stored: { inserted, updated, unchanged, embedded },
    resumed,
    skippedRows: problems,
    ...{ zipcodes, alert, alertMatches, documents },
    faults: disturbance.counts(),
    query: QUERY,
    hits: hits.map(({ title, price, zipcode, score }) => ({ title, price, zipcode, score: round(score, 3) })),
    seconds: round((performance.now() - startedAt) / 1000, 1),
    peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024),
    calls: callFigures(integration),
  };
}

async function readInput({ data, rows }: DemoOptions) {
  const file = data ?? sampleDataFile();
  const read = await readHouses(file).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(cause.code === "ENOENT" ? `there is no file ${file}` : cause.message, { cause });
  });
  const houses = read.houses.slice(0, rows);
  if (houses.length === 0) throw new InputError(`${file} holds no house that could be used`);
  return { houses, problems: read.problems };
}

/** Opens the stack on the data folder; if another run holds it, on a folder of its own that goes with the run. */
async function startStack(options: DemoOptions, houses: readonly House[]): Promise<LocalStack> {
  const dataDir = options.dataDir ?? join(".local-stack", "demo");
  if (options.fresh) await rm(dataDir, { recursive: true, force: true });
  try {
    return await startLocalStack({ dataDir, houses });
  } catch (cause) {
    if (!(cause instanceof Error) || !/in use/.test(cause.message)) throw cause;
    if (options.dataDir !== undefined) throw new InputError(cause.message, { cause });
    options.display.note("another run is using the data folder; this one keeps its data in a temporary folder");
    const temporary = await mkdtemp(join(tmpdir(), "enhanced-integration-demo-"));
    const stack = await startLocalStack({ dataDir: temporary, houses });
    const close = () => stack.close().finally(() => rm(temporary, { recursive: true, force: true }));
    return { ...stack, close, [Symbol.asyncDispose]: close };
  }
}

/** Scrapes the site; half way, disturbs all four services, and stores documents meanwhile, so that each has work. */
async function scrape(run: {
  readonly integration: Integration;
  readonly stack: LocalStack;
  readonly person: Person;
  readonly source: string;
  readonly houses: readonly House[];
  readonly disturbance: Disturbance;
  readonly display: Display;
  readonly signal: AbortSignal;
}) {
  const { integration, stack, person, source, houses, disturbance, display, signal } = run;
  let documents: Promise<void> | undefined;
  const scraped = integration.listings.scrape({
    source,
    url: stack.siteUrl,
    signal,
    onProgress(progress) {
      display.progress(progress, houses.length);
      if (disturbance.begun || progress.pagesDone * 2 < progress.pagesTotal) return;
      display.note("half way: connections are cut, calls stall, and services answer 429 and 503, in all four");
      disturbance.begin(stack.faults);
      documents = person.storeDocuments(signal);
      documents.catch(() => undefined); // told below
    },
  });
  const result = await scraped.finally(() => documents?.catch(() => undefined));
  await documents;
  disturbance.end();
  return result;
}

/** The same houses always meet their own listings again, and other ones never mix with them. */
function sourceOf(houses: readonly House[]): string {
  const hash = createHash("sha256");
  for (const { sourceKey } of houses) hash.update(sourceKey);
  return `houses-${hash.digest("hex").slice(0, 8)}`;
}
