import { renderEnvExample } from "../config/index.ts";
import { readArguments } from "./arguments.ts";

const usage = `Usage: enhanced-integration env > .env
Prints every variable with its meaning and default. Secrets are left for you to fill in.`;

export async function run(args: readonly string[]): Promise<number> {
  if (readArguments(args, usage, {})) console.log(renderEnvExample().trimEnd());
  return 0;
}
