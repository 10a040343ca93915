import { cp } from "node:fs/promises";
import { defineConfig, type Options } from "tsup";

/** One name per subpath export, so that a host which uses one room never loads another. */
const libraries = {
  index: "src/index.ts",
  express: "src/hosts/express/index.ts",
  mcp: "src/hosts/mcp/index.ts",
  resilience: "src/resilience/index.ts",
  monitoring: "src/monitoring/index.ts",
  listings: "src/listings/index.ts",
  local: "src/local/index.ts",
  testing: "src/testing/index.ts",
};

/** Started as programs or worker threads of their own, never imported. */
const programs = {
  cli: "src/cli.ts",
  "pglite-worker": "src/local/neon/pglite-worker.ts",
  "embedding-worker": "src/local/ollama/embedding-worker.ts",
};

const dts = process.env["BUILD_TYPES"] === "no" ? false : { entry: libraries };
const shared: Options = {
  platform: "node",
  target: "node22",
  sourcemap: true,
  splitting: true,
  shims: true,
  dts,
  // Bundled so that `require` and Jest work with what is ESM-only; see docs/dependencies.md.
  noExternal: ["p-retry", "is-network-error", "node-html-parser", "csv-parse", "nanotar"],
};

export default defineConfig([
  {
    ...shared,
    entry: { ...libraries, ...programs },
    format: ["esm"],
    // What the status page is put together from at run time; see src/hosts/express/status-page/page.ts.
    onSuccess: () => cp("src/hosts/express/status-page/assets", "dist/status-page", { recursive: true }),
  },
  { ...shared, entry: libraries, format: ["cjs"] },
]);
