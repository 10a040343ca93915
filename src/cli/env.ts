import { parseArgs } from "node:util";
import { renderEnvExample } from "../config/index.ts";

const usage = `Usage: enhanced-integration env > .env
Prints every variable with its meaning and default. Secrets are left for you to fill in.`;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { help: { type: "boolean" } } });
  console.log(values.help ? usage : renderEnvExample().trimEnd());
  return 0;
}
