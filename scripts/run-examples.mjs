// Runs every example as a program of its own: each asserts, and exits with 0 only if all held. Those of the docs are
// compiled.
import { spawnSync } from "node:child_process";

const examples = [
  ["scripts/check-docs.mjs"],
  ["examples/quickstart.ts", "--rows", "120", "--fresh", "--data-dir", ".local-stack/examples", "--json"],
  ["examples/express-app/check.ts"],
  ["examples/mcp-server/check.ts"],
  ["examples/query-builders/kysely.ts"],
  ["examples/query-builders/drizzle.ts"],
];
let failed = 0;
for (const [file, ...args] of examples) {
  const run = spawnSync(process.execPath, [file, ...args], { encoding: "utf8", timeout: 180_000 });
  const ok = run.status === 0;
  console.log(`${ok ? "ok  " : "FAIL"} ${file}`);
  if (!ok) {
    failed += 1;
    console.error(run.stdout, run.stderr, run.error ?? "");
  }
}
process.exit(failed === 0 ? 0 : 1);
