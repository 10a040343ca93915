import { loadEnv } from "../config/index.ts";
import { type Logger, silentLogger } from "../core/index.ts";
import { readArguments } from "./arguments.ts";

const usage = `Usage: enhanced-integration migrate [--dry-run] [--reembed]
Applies the package's SQL files that the database does not have yet, each in a transaction under a lock.
  --dry-run  only says which those are
  --reembed  if OLLAMA_EMBED_MODEL's vectors have another length than the database's: empties the embeddings, which
             the next scrape or listings.embedPending() makes anew`;

/** What is applied is printed below; only warnings are worth a line of their own. */
const warn = (_fields: object, message: string) => console.error(message);
const logger: Logger = { ...silentLogger, warn, error: warn };

export async function run(args: readonly string[]): Promise<number> {
  const flag = { type: "boolean", default: false } as const;
  const read = readArguments(args, usage, { "dry-run": flag, reembed: flag });
  if (!read) return 0;
  const { "dry-run": dryRun, reembed } = read.values;
  const { createIntegration } = await import("../integration.ts");
  await using integration = createIntegration(loadEnv(), { logger });
  const { applied, skipped, reembedded } = await integration.neon.migrate({ dryRun, reembed });
  for (const name of applied) console.log(`${dryRun ? "would apply" : "applied"} ${name}`);
  if (reembedded) {
    const { from, to } = reembedded;
    console.log(`${dryRun ? "would empty" : "emptied"} the embeddings: vectors of ${to} dimensions instead of ${from}`);
  }
  const outcome = `${applied.length} ${dryRun ? "to apply" : "applied"}, ${skipped.length} were there`;
  console.log(applied.length === 0 ? `up to date: ${skipped.length} migrations` : outcome);
  return 0;
}
