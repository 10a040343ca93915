// Drives after.ts with the official client, over stdio, as an MCP host would.
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { addedLines } from "../support/additive.ts";
import { startStackWithListings } from "../support/stack-with-listings.ts";

const after = new URL("./after.ts", import.meta.url);
const added = addedLines(new URL("./before.ts", import.meta.url), after);
assert.ok(added <= 6, `adding the integration takes ${added} lines`);

const { stack } = await startStackWithListings(40);
const client = new Client({ name: "check", version: "1.0.0" });
try {
  const env = { PATH: process.env["PATH"] ?? "", ...stack.env, LOG_LEVEL: "info" };
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [after.pathname], env, stderr: "ignore" }),
  );

  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name).sort(), [
    "integration_health",
    "monthly_payment",
    "scrape_listings",
    "search_listings",
  ]);
  for (const tool of tools.filter(({ name }) => name !== "monthly_payment"))
    assert.equal(tool.outputSchema?.type, "object", tool.name);

  // The host's own tool works as before.
  const payment = await client.callTool({
    name: "monthly_payment",
    arguments: { loan: 400_000, yearlyRate: 0.06, years: 30 },
  });
  assert.deepEqual(payment.content, [{ type: "text", text: "2398.20" }]);

  // Structured hits, and the same as text in a fence that the pages' words cannot leave.
  const search = await client.callTool({
    name: "search_listings",
    arguments: { text: "older home with a big lot under 700k", limit: 3 },
  });
  const { hits } = search.structuredContent as { hits: { price: number; title: string }[] };
  assert.equal(hits.length, 3);
  assert.ok(hits.every(({ price }) => price <= 700_000));
  assert.match((search.content as { text: string }[])[0]!.text, /<untrusted-data-[0-9a-f-]{36}>/);

  // Scraping the same pages again stores nothing new.
  const scrape = await client.callTool({
    name: "scrape_listings",
    arguments: { url: stack.siteUrl, source: "example" },
  });
  const stored = scrape.structuredContent as { inserted: number; unchanged: number };
  assert.deepEqual([stored.inserted, stored.unchanged], [0, 40]);

  // Bad arguments and failures come back as error results that say what to do.
  const refused = await client.callTool({
    name: "scrape_listings",
    arguments: { url: "file:///etc/passwd", source: "x" },
  });
  assert.equal(refused.isError, true);

  const health = await client.callTool({ name: "integration_health", arguments: {} });
  assert.equal((health.structuredContent as { status: string }).status, "up");
  console.log(`mcp-server ok: ${added} lines added`);
} finally {
  await client.close();
  await stack.close();
}
