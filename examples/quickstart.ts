// The main job, whole: real house data through Neon, Supabase, TinyFish and Ollama, on a local stack with no account.
//   npm run demo                     2,000 houses, progress bars, a table at the end
//   npm run demo -- --json           the same as one JSON object
//   npm run demo -- --rows 500 --data my-houses.csv --data-dir ./my-data --fresh
import { parseArgs } from "node:util";
import { IntegrationError } from "enhanced-integration";
import { runDemo } from "./quickstart/demo.ts";
import { createDisplay } from "./quickstart/display.ts";

const usage = `Usage: npm run demo -- [--rows N] [--data FILE] [--data-dir DIR] [--fresh] [--json]
  --rows N        how many of the file's houses (default: all 2,000 of the sample)
  --data FILE     a CSV with the sample's columns (default: data/king-county-sample.csv)
  --data-dir DIR  where database, users and files are kept; a run goes on where the last one stopped (default: .local-stack/demo)
  --fresh         empties that folder first
  --json          one JSON object instead of bars and tables`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      rows: { type: "string" },
      data: { type: "string" },
      "data-dir": { type: "string" },
      fresh: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const rows = values.rows === undefined ? undefined : Number(values.rows);
  if (rows !== undefined && (!Number.isInteger(rows) || rows < 1))
    throw new TypeError(`--rows must be a whole number of 1 or more, but is "${values.rows}"`);
  return { rows, data: values.data, dataDir: values["data-dir"], fresh: values.fresh, json: values.json };
}

/** Everything that a person can mend is told in a line; only a fault of ours deserves a stack trace. */
function tell(error: unknown): void {
  const known =
    IntegrationError.isInstance(error) || (error instanceof Error && ("code" in error || error instanceof TypeError));
  console.error(known ? `demo: ${(error as Error).message}` : error);
}

const interrupted = new AbortController();
// Once: a second Ctrl-C ends the process at once, as a terminal's user expects.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort());

try {
  const options = readOptions();
  const display = createDisplay(options.json);
  const summary = await runDemo({ ...options, display, signal: interrupted.signal });
  display.finish(summary);
  process.exitCode = summary.ok ? 0 : 1;
} catch (error) {
  if (interrupted.signal.aborted) {
    console.error("\ndemo: interrupted; all that was stored is kept, and the next run goes on from there");
    process.exitCode = 130;
  } else {
    tell(error);
    process.exitCode = 1;
  }
}
