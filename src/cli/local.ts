import { parseArgs } from "node:util";

const usage = `Usage: enhanced-integration local [--data-dir DIR] [--data FILE] [--port N]
Runs the four services on this machine until Ctrl-C, and prints the environment for a .env file.
  --data-dir DIR  keeps the database, users and files there (default: gone at the end)
  --data FILE     a CSV of houses for the listing site (default: the sample)
  --port N        Neon on N, Supabase on N+1, TinyFish on N+2, Ollama on N+3 (default: any free ports)`;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: "boolean" },
      "data-dir": { type: "string" },
      data: { type: "string" },
      port: { type: "string" },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const first = values.port === undefined ? undefined : Number(values.port);
  if (first !== undefined && !(Number.isInteger(first) && first > 0 && first < 65_533)) {
    console.error(`enhanced-integration: --port must be a whole number from 1 to 65532, but is "${values.port}"`);
    return 2;
  }
  const { readHouses, sampleDataFile, startLocalStack } = await import("../local/index.ts");
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  console.error("starting…");
  const { houses, problems } = await readHouses(values.data ?? sampleDataFile());
  for (const { line, problem } of problems) console.error(`line ${line} is skipped: ${problem}`);
  await using stack = await startLocalStack({
    houses,
    ...(values["data-dir"] !== undefined && { dataDir: values["data-dir"] }),
    ...(first !== undefined && { ports: { neon: first, supabase: first + 1, tinyfish: first + 2, ollama: first + 3 } }),
  });
  for (const [name, value] of Object.entries(stack.env)) console.log(`${name}=${value}`);
  for (const notice of stack.notices) console.error(`note: ${notice}`);
  console.error(
    `\nThe lines above are a .env file. ${houses.length} houses are at ${stack.siteUrl}\nCtrl-C stops everything${values["data-dir"] === undefined ? "; the data go with it" : ""}.`,
  );
  await stopped;
  console.error("stopping…");
  return 0;
}
