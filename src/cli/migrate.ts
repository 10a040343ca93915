import { loadEnv } from "../config/index.ts";
import { type Logger, silentLogger } from "../core/index.ts";
import { readArguments } from "./arguments.ts";

const usage = `Usage: enhanced-integration migrate [--dry-run]
Applies the package's SQL files that the database does not have yet, each in a transaction under a lock.
  --dry-run  only says which those are`;

/** What is applied is printed below; only warnings are worth a line of their own. */
const warn = (_fields: object, message: string) => console.error(message);
const logger: Logger = { ...silentLogger, warn, error: warn };

export async function run(args: readonly string[]): Promise<number> {
  const read = readArguments(args, usage, { "dry-run": { type: "boolean", default: false } });
  if (!read) return 0;
  const dryRun = read.values["dry-run"];
  const { createIntegration } = await import("../integration.ts");
  await using integration = createIntegration(loadEnv(), { logger });
  const { applied, skipped } = await integration.neon.migrate({ dryRun });
  for (const name of applied) console.log(`${dryRun ? "would apply" : "applied"} ${name}`);
  const outcome = `${applied.length} ${dryRun ? "to apply" : "applied"}, ${skipped.length} were there`;
  console.log(applied.length === 0 ? `up to date: ${skipped.length} migrations` : outcome);
  return 0;
}
