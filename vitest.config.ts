import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

// What is compiled is kept for the next process: a program that a test starts is there in half the time.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("./node_modules/.cache/compiled", import.meta.url));

/** The longest, longest first: one that began last would be waited for alone. */
const longest = ["scenarios/demo", "listings/faults", "cli/services", "local/neon/lifecycle"];

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
    // One more than the cores of the usual machine: the long files wait most of their time, for stalls and for pauses.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
