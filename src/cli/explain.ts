import { parseArgs } from "node:util";
import { explainConfig, loadEnv } from "../config/index.ts";
import { table } from "./table.ts";

const usage = `Usage: enhanced-integration explain [NAME…] [--json]
Prints each setting's value, its source and what it does. NAME limits it to variables that contain it.`;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { help: { type: "boolean" }, json: { type: "boolean" } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const wanted = positionals.map((name) => name.toUpperCase());
  const settings = explainConfig(loadEnv()).filter(
    ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
  );
  if (values.json) console.log(JSON.stringify(settings, undefined, 2));
  else {
    for (const area of new Set(settings.map((setting) => setting.area))) {
      const rows = settings.filter((setting) => setting.area === area);
      console.log(`\n${area}`);
      console.log(
        table(
          rows.map(({ name, value, source, description, problem }) => [
            `  ${name}`,
            value,
            source,
            problem === undefined ? description : `✗ ${problem}`,
          ]),
        ),
      );
    }
  }
  return settings.some((setting) => setting.problem !== undefined) ? 1 : 0;
}
