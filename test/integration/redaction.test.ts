import { createServer, type RequestListener } from "node:http";
import { type AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createIntegration, type Integration, IntegrationError } from "../../src/index.ts";
import { minimalEnv } from "../config/minimal-env.ts";

const key = "tf_live_5730918264/abcdef+ghij=";
const hostKey = "a key of the host's own";
const base64 = Buffer.from(`:${key}`).toString("base64");

let answer: RequestListener = () => undefined;
const server = createServer((request, response) => answer(request, response));
let url = "";
const opened: Integration[] = [];

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await Promise.all(opened.map((integration) => integration.close()));
  server.close();
});

function open(tinyfishKey = key) {
  const lines: string[] = [];
  const say = (fields: object, message: string) => void lines.push(`${inspect(fields, { depth: 9 })} ${message}`);
  const integration = createIntegration(
    {
      ...minimalEnv,
      ...{ SUPABASE_URL: url, OLLAMA_BASE_URL: url, TINYFISH_API_URL: url, TINYFISH_API_KEY: tinyfishKey },
      VERBOSE_LOGGING: "true",
    },
    {
      logger: { debug: say, info: say, warn: say, error: say },
      secrets: [hostKey],
      policies: { tinyfish: { maxAttempts: 1 }, ollama: { maxAttempts: 1 }, crm: { maxAttempts: 1 } },
    },
  );
  opened.push(integration);
  return { integration, lines };
}

async function failureOf(call: PromiseLike<unknown>): Promise<IntegrationError> {
  try {
    await call;
  } catch (error) {
    if (IntegrationError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

const shown = (value: unknown) => inspect(value, { depth: Infinity, showHidden: true });

describe("what a service repeats of a secret", () => {
  it("stands neither in the error, nor in the ledger, nor in the host's own log", async () => {
    answer = ({ headers }, response) => response.writeHead(500).end(`refused: ${headers["x-api-key"] as string}`);
    const { integration, lines } = open();
    const error = await failureOf(integration.tinyfish.search({ query: "flats" }));
    expect(error.message).toContain("refused: [redacted]");
    const record = integration.explain(error.callId!);
    expect(JSON.stringify(record)).toContain("refused: [redacted]");
    expect(lines.join("\n")).toContain("refused: [redacted]");
    for (const view of [shown(error), error.stack, JSON.stringify(error), JSON.stringify(record), lines.join("\n")])
      expect(view).not.toContain(key.slice(0, 12));
  });

  it("is not left in halves where a long text is cut", async () => {
    for (const before of [185, 190, 195, 480, 490]) {
      answer = (_, response) => response.writeHead(500).end(`${"-".repeat(before)}${key}`);
      const { integration } = open();
      expect(shown(await failureOf(integration.tinyfish.search({ query: "flats" })))).not.toContain("tf_live");
      expect(shown(await failureOf(integration.ollama.embed(["text"])))).not.toContain("tf_live");
    }
  });

  it("is found where it comes in two pieces, and inside a stream that began well", async () => {
    answer = ({ url: path }, response) => {
      if (path === "/api/version") return void response.end('{"version":"0.12.0"}');
      const line = JSON.stringify({ error: `${"-".repeat(490)}${key} is wrong` });
      response.writeHead(path === "/api/chat" ? 200 : 503).write(line.slice(0, line.indexOf("tf_live") + 9));
      setTimeout(() => response.end(line.slice(line.indexOf("tf_live") + 9)), 20);
    };
    const { integration } = open();
    const messages = [{ role: "user", content: "hello" }] as const;
    expect(shown(await failureOf(integration.ollama.chat({ model: "m", messages })))).not.toContain("tf_live");
    expect(shown(await failureOf(integration.tinyfish.search({ query: "flats" })))).not.toContain("tf_live");
  });

  it("is taken out of a run's failure, which comes in an answer that is none", async () => {
    answer = ({ url: path }, response) => {
      const failed = { run_id: "r1", status: "FAILED", finished_at: "2026-01-01T00:00:00Z", error: { message: key } };
      response.end(JSON.stringify(path === "/v1/runs/r1" ? failed : { run_id: "r1" }));
    };
    const { integration } = open();
    const error = await failureOf(integration.tinyfish.run({ url: "https://example.com", goal: "look" }));
    expect(error.message).toContain("ended FAILED: [redacted]");
    expect(shown(error)).not.toContain(key);
  });

  it("is taken out of what a vendor's client calls its error", async () => {
    answer = (_, response) => response.writeHead(400).end(JSON.stringify({ message: base64, hint: `why ${key}` }));
    const { integration } = open();
    const { error } = await integration.supabase.forUser("a-token").from("notes").select();
    expect(error?.hint).toBe("why [redacted]");
    expect(shown(error)).not.toContain(base64.slice(4, 20));
  });

  it("is taken out of what a host's own service throws, by both ways; the cause stays what it was", async () => {
    const { integration } = open();
    class CrmError extends Error {
      readonly detail = `key ${hostKey}`;
    }
    const spec = { service: "crm", operation: "lookup" };
    const fail = () => Promise.reject(new CrmError(`no: ${encodeURIComponent(hostKey)}`));
    for (const call of [
      integration.call(spec, fail),
      integration.errors.handleWithRetry(fail, spec, { maxAttempts: 1 }),
    ]) {
      const error = await failureOf(call);
      expect(error.message).toBe("crm.lookup: no: [redacted]");
      expect(error.cause).toBeInstanceOf(CrmError);
      expect(error.cause).toMatchObject({ message: "no: [redacted]", detail: "key [redacted]" });
    }
    const harmless = new CrmError("no");
    Object.defineProperty(harmless, "detail", { value: "nothing" });
    expect((await failureOf(integration.call(spec, () => Promise.reject(harmless)))).cause).toBe(harmless);
  });

  it("is each integration's own: one takes out its secrets, the other leaves what is none of its", async () => {
    const other = "tf_test_another_key_0123456789";
    answer = (_, response) => response.writeHead(500).end(`${key} ${other}`);
    const messages = [open(), open(other)].map(
      async ({ integration }) => (await failureOf(integration.tinyfish.search({ query: "flats" }))).message,
    );
    expect(await Promise.all(messages)).toEqual([
      expect.stringContaining(`[redacted] ${other}`),
      expect.stringContaining(`${key} [redacted]`),
    ]);
  });
});
