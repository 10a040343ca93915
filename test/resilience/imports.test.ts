import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

it("importing the resilience room loads core and its three engines, and nothing else", () => {
  const script = `
    import { registerHooks } from "node:module";
    const seen = [];
    registerHooks({ load: (url, context, next) => (url.startsWith("file:") && seen.push(url), next(url, context)) });
    await import("./src/resilience/index.ts");
    console.log(JSON.stringify(seen));
  `;
  const output = execFileSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], {
    cwd: root,
    encoding: "utf8",
  });
  const rooms = (JSON.parse(output) as string[]).map(
    (url) => /\/node_modules\/([^/]+)|\/src\/([^/]+)/.exec(url)?.slice(1).find(Boolean) ?? url,
  );
  expect([...new Set(rooms)].sort()).toEqual([
    "bottleneck",
    "core",
    "is-network-error",
    "lru-cache",
    "p-retry",
    "resilience",
  ]);
});
