// Builds the JavaScript when a source is newer than it, without the (slower) type declarations.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import "./check-node.mjs";

const newest = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
const built = ["dist/index.js", "dist/cli.js", "dist/pglite-worker.js"].map((file) =>
  existsSync(file) ? statSync(file).mtimeMs : 0,
);
if (Math.min(...built) < Math.max(newest("src"), statSync("tsup.config.ts").mtimeMs)) {
  console.error("building…");
  const run = spawnSync("tsup", ["--silent"], { stdio: ["ignore", 2, 2], env: { ...process.env, BUILD_TYPES: "no" } });
  if (run.status !== 0) process.exit(run.status ?? 1);
}
