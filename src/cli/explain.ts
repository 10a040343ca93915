import { type ExplainedSetting, explainConfig, loadEnv } from "../config/index.ts";
import { readArguments } from "./arguments.ts";
import { table } from "./table.ts";

const usage = `Usage: enhanced-integration explain [NAME…] [--json]
Prints each setting's value, its source and what it does. NAME limits it to variables that contain it.
Exits with 1 if one of them has a problem.`;

export async function run(args: readonly string[]): Promise<number> {
  const read = readArguments(args, usage, { json: { type: "boolean" } }, { positionals: true });
  if (!read) return 0;
  const wanted = read.positionals.map((name) => name.toUpperCase());
  const settings = explainConfig(loadEnv()).filter(
    ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
  );
  if (read.values.json) console.log(JSON.stringify(settings, undefined, 2));
  else if (settings.length === 0) console.log(`No setting's name contains ${wanted.join(" or ")}.`);
  else console.log([...Map.groupBy(settings, ({ area }) => area)].map(area).join("\n\n"));
  return settings.some(({ problem }) => problem !== undefined) ? 1 : 0;
}

function area([name, settings]: [string, readonly ExplainedSetting[]]): string {
  const rows = settings.map(({ name, value, source, description, problem }) => [
    `  ${name}`,
    value,
    source,
    problem === undefined ? description : `✗ ${problem}`,
  ]);
  return `${name}\n${table(rows)}`;
}
