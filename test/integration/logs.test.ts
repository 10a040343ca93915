import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createIntegration } from "../../src/index.ts";
import { root } from "../support/program.ts";

const env = {
  NEON_CONNECTION_STRING: "postgresql://app:canary-password-1@127.0.0.1:1/app",
  SUPABASE_URL: "http://127.0.0.1:1",
  SUPABASE_ANON_KEY: "sb_publishable_canary1234567890",
  OLLAMA_BASE_URL: "http://127.0.0.1:1",
};

// eslint-disable-next-line no-control-regex -- looked for on purpose
const dangerous = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const hostile = 'x\r\n{"level":"info","msg":"forged"}\n\x1b[31m\u202e canary-password-1';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "logs-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("LOG_FILE_PATH, LOG_MAX_SIZE and LOG_MAX_FILES", () => {
  it("are a file that rotates by size and count, to which nobody can add a line or bring a secret", async () => {
    const path = join(folder, "deep", "app.log");
    const limits = { LOG_FILE_PATH: path, LOG_MAX_SIZE: "8KB", LOG_MAX_FILES: "3" };
    const integration = createIntegration({ ...env, ...limits, LOG_LEVEL: "warn" });
    for (let i = 0; i < 150; i += 1)
      await integration
        .call({ service: `crm ${hostile}`, operation: `get ${i}` }, () => Promise.reject(new Error(hostile)))
        .catch(() => undefined);
    await integration.close();

    const files = readdirSync(join(folder, "deep")).sort();
    expect(files).toEqual(["app.log", "app.log.1", "app.log.2"]);
    for (const file of files) expect(statSync(join(folder, "deep", file)).size).toBeLessThanOrEqual(8_192);
    const text = [...files]
      .reverse()
      .map((file) => readFileSync(join(folder, "deep", file), "utf8"))
      .join("");
    expect(text).not.toMatch(dangerous);
    expect(text).not.toContain("canary");
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { msg: string; operation?: string });
    expect(lines.filter(({ msg }) => msg === "forged")).toEqual([]);
    // The newest, without a gap, and only as many as fit.
    const numbers = lines.flatMap(({ operation }) => (operation === undefined ? [] : [Number(operation.slice(4))]));
    expect(numbers.at(-1)).toBe(149);
    expect(numbers).toEqual(numbers.map((_, i) => 150 - numbers.length + i));
    expect(numbers.length).toBeLessThan(100);
  });

  it("take all of it when they say nothing: a line of 8 KB is written to the one file", async () => {
    const path = join(folder, "app.log");
    const integration = createIntegration({ ...env, LOG_FILE_PATH: path, LOG_LEVEL: "warn" });
    const long = "o".repeat(8_000);
    await integration
      .call({ service: "crm", operation: long }, () => Promise.reject(new Error("x")))
      .catch(() => undefined);
    await integration.close();
    expect(readdirSync(folder)).toEqual(["app.log"]);
    expect(readFileSync(path, "utf8")).toContain(long);
  });
});

/** A stdio MCP server as a host writes it; it logs as much as can be. */
const server = (logTo: string) => `
  import { McpServer } from "@modelcontextprotocol/server";
  import { serveStdio } from "@modelcontextprotocol/server/stdio";
  import { createIntegration } from "./src/index.ts";
  import { registerTools } from "./src/hosts/mcp/index.ts";
  const integration = createIntegration(process.env, { logTo: "${logTo}" });
  process.stdin.once("end", () => void integration.close());
  serveStdio(() => {
    const server = new McpServer({ name: "test", version: "1.0.0" });
    registerTools(server, integration);
    return server;
  });`;

async function serveAndAsk(logTo: "stdout" | "stderr") {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: ["--input-type=module-typescript", "-e", server(logTo)],
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", ...env, LOG_LEVEL: "debug", VERBOSE_LOGGING: "true" },
    stderr: "pipe",
  });
  let stderr = "";
  transport.stderr!.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const client = new Client({ name: "check", version: "1.0.0" });
  const notOurs: Error[] = [];
  client.onerror = (error) => void notOurs.push(error);
  await client.connect(transport);
  const { isError } = await client.callTool({ name: "search_listings", arguments: { text: hostile } });
  await client.close();
  return { isError, notOurs, lines: stderr.split("\n").filter((line) => line.startsWith("{")) };
}

describe("a stdio MCP server", () => {
  it("writes every line to stderr, and nothing but the protocol to stdout", async () => {
    const { isError, notOurs, lines } = await serveAndAsk("stderr");
    expect(isError).toBe(true);
    const said = lines.map((line) => JSON.parse(line) as { msg: string; requestId?: string });
    expect(said.map(({ msg }) => msg)).toContain("tool failed");
    expect(said.length).toBeGreaterThan(3);
    expect(notOurs).toEqual([]);
    expect(lines.join("\n")).not.toMatch(dangerous);
    expect(lines.join("\n")).not.toContain("canary");
  });

  it("that logs to stdout would be noticed by this test", async () => {
    const { notOurs, lines } = await serveAndAsk("stdout");
    expect(notOurs).not.toEqual([]);
    expect(lines).toEqual([]);
  });
});
