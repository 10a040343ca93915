// The main job, whole: real house data through Neon, Supabase, TinyFish and Ollama, on a local stack with no account.
//   npm run demo                     2,000 houses, progress bars, tables at the end
//   npm run demo -- --json           the same as one JSON object
//   npm run demo -- --rows 500 --data my-houses.csv --data-dir ./my-data --fresh
import { InputError, readOptions, usage } from "./quickstart/options.ts";

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    // Whoever asks twice does not want to wait; the cursor may be hidden by a progress bar.
    if (interrupted.signal.aborted) {
      if (process.stdout.isTTY) process.stdout.write("\u001b[?25h\n");
      process.exit(130);
    }
    interrupted.abort();
  });

try {
  process.exitCode = await main();
} catch (error) {
  if (interrupted.signal.aborted) {
    console.error("demo: interrupted; what was stored is kept, and the next run goes on from there");
    process.exitCode = 130;
  } else {
    tell(error);
    process.exitCode = 1;
  }
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") {
    console.log(usage);
    return 0;
  }
  // Loaded only now: it takes a second, and Ctrl-C shall be heard from the first moment on.
  const { runDemo } = await import("./quickstart/demo.ts");
  const { createDisplay } = await import("./quickstart/display.ts");
  const display = createDisplay(options.json);
  try {
    const summary = await runDemo({ ...options, display, signal: interrupted.signal });
    display.finish(summary);
    return summary.ok ? 0 : 1;
  } finally {
    display.close();
  }
}

/** Everything that a person can mend is told in a line; only a fault of ours deserves a stack trace. */
function tell(error: unknown): void {
  const mendable = error instanceof InputError || (error instanceof Error && "code" in error);
  console.error(mendable ? `demo: ${error.message}` : error);
}
