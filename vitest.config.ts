import { defineConfig } from "vitest/config";
import { fileURLToPath } from "node:url";

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^enhanced-integration$/, replacement: src("index.ts") },
      { find: /^enhanced-integration\/(express|mcp)$/, replacement: src("hosts/$1/index.ts") },
      { find: /^enhanced-integration\/(.+)$/, replacement: src("$1/index.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    // Two cores: more workers only wait for each other, and each local stack holds some 400 MB.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
