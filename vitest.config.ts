import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

// What is compiled is kept for the next process: a program that a test starts is there in half the time.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("./node_modules/.cache/compiled", import.meta.url));

/**
 * The longest: one that began last would be waited for alone. Those that wait (for stalls, for pauses) stand between
 * those that compute.
 */
const longest = [
  ...["scenarios/demo", "listings/faults", "cli/services", "local/neon/lifecycle", "cli/commands", "listings/scrape"],
  ...["hosts/express/status-page.browser", "scenarios/degraded-modes", "listings/search", "clients/neon/listen"],
  ...["scenarios/recount", "clients/neon/pool-faults", "listings/market", "integration/logs", "hosts/mcp/local-stack"],
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

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
    // More than there are cores: many files wait for most of their time, for stalls and for pauses.
    maxWorkers: Math.min(availableParallelism() + 2, 8),
    sequence: { sequencer: LongestFirst },
    // PGlite lives for seconds here: optimising its code costs more than it gains, a processor second in most files.
    execArgv: ["--liftoff-only"],
    // Against what hangs; a machine that does ten other things is not to trip over them.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 10_000 } },
  },
});
