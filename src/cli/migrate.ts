import { parseArgs } from "node:util";
import { loadEnv } from "../config/index.ts";
import { createIntegration } from "../integration.ts";

const usage = `Usage: enhanced-integration migrate [--dry-run]
Applies the package's SQL files that the database does not have yet, each in a transaction under a lock.`;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { help: { type: "boolean" }, "dry-run": { type: "boolean", default: false } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  await using integration = createIntegration(loadEnv(), { logTo: "stderr" });
  const { applied, skipped } = await integration.neon.migrate({ dryRun: values["dry-run"] });
  for (const name of applied) console.log(`${values["dry-run"] ? "would apply" : "applied"} ${name}`);
  console.log(
    applied.length === 0
      ? `up to date: ${skipped.length} migrations`
      : `${applied.length} ${values["dry-run"] ? "to apply" : "applied"}, ${skipped.length} were there`,
  );
  return 0;
}
