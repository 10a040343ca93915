import { defineConfig, type Options } from "tsup";

/** One name per subpath export, so that a host which uses one room never loads another. */
const entry = {
  index: "src/index.ts",
  express: "src/hosts/express/index.ts",
  mcp: "src/hosts/mcp/index.ts",
  resilience: "src/resilience/index.ts",
  monitoring: "src/monitoring/index.ts",
  listings: "src/listings/index.ts",
  local: "src/local/index.ts",
  testing: "src/testing/index.ts",
};

const shared: Options = {
  platform: "node",
  target: "node22",
  sourcemap: true,
  splitting: true,
  shims: true,
  // ESM-only, and small: bundled so that `require` and Jest work (see docs/dependencies.md).
  noExternal: ["p-retry", "is-network-error", "node-html-parser", "cli-table3", "cli-progress"],
};

export default defineConfig([
  { ...shared, entry, format: ["esm", "cjs"], dts: process.env["BUILD_TYPES"] !== "no" },
  // Programs of their own: the command, and the worker threads of the local stack.
  {
    ...shared,
    entry: {
      cli: "src/cli.ts",
      "pglite-worker": "src/local/neon/pglite-worker.ts",
      "embedding-worker": "src/local/ollama/embedding-worker.ts",
    },
    format: ["esm"],
    external: ["enhanced-integration"],
  },
]);
