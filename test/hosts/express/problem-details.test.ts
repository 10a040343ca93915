import { type IncomingMessage, request as httpRequest } from "node:http";
import { once } from "node:events";
import express from "express";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type ErrorCode, errorCodes } from "../../../src/core/index.ts";
import { integrationMiddleware, problemDetails } from "../../../src/hosts/express/index.ts";
import { createIntegration, type Integration, IntegrationError } from "../../../src/index.ts";
import { offline, recordingLogger, serve, type Served } from "../support.ts";

const canary = "postgresql://app:canary-7f3a@db.example.com/app";
const logger = recordingLogger();
let integration: Integration;
let host: Served;
/** Events are logged, too, at lower levels. */
const failures = () => logger.lines.filter(({ level }) => level === "error");
/** What the route `/` does. */
let handler: express.RequestHandler;

beforeAll(async () => {
  integration = createIntegration(offline, { logger });
  const app = express().use(integrationMiddleware(integration), express.json({ limit: "1kb" }));
  app.all("/", (request, response, next) => handler(request, response, next));
  app.get("/houses/:id", (_request, response) => void response.end());
  app.use(problemDetails(integration));
  host = await serve(app);
});
beforeEach(() => void logger.lines.splice(0));
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await integration.close();
});

interface Body {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly requestId?: string;
}

async function thrown(error: unknown): Promise<{ response: Response; body: Body; text: string }> {
  handler = () => {
    throw error;
  };
  const response = await fetch(host.url);
  const text = await response.text();
  return { response, text, body: JSON.parse(text) as Body };
}

const expected: Record<ErrorCode, number> = {
  ...{ CONFIG_INVALID: 500, QUERY_FAILED: 500 },
  ...{ INVALID_INPUT: 400, UNAUTHENTICATED: 401, FORBIDDEN: 403, NOT_FOUND: 404, CONFLICT: 409, RATE_LIMITED: 429 },
  ...{ ABORTED: 499, FEATURE_DISABLED: 501 },
  ...{ INVALID_OUTPUT: 502, NETWORK: 502, UPSTREAM_STATUS: 502, OUTCOME_UNKNOWN: 502 },
  ...{ QUEUE_FULL: 503, CIRCUIT_OPEN: 503, READ_ONLY: 503, BUDGET_EXHAUSTED: 503, CLOSED: 503 },
  ...{ ATTEMPT_TIMEOUT: 504, DEADLINE_EXCEEDED: 504 },
};

describe("an error of ours", () => {
  it.each(errorCodes)("is a problem with a status and a type of its own: %s", async (code) => {
    const message = `select * from users where dsn = '${canary}'`;
    const cause = new Error(canary);
    const error = new IntegrationError({ code, message, service: "neon", operation: "query", cause });
    const { response, body, text } = await thrown(error);
    expect([response.status, body.status, body.code]).toEqual([expected[code], expected[code], code]);
    expect(response.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(body.requestId).toBe(response.headers.get("x-request-id"));
    expect(body.type).toMatch(/^urn:enhanced-integration:problem:[a-z-]+$/);
    expect(body.title).toMatch(/^[A-Z][a-z ]+$/);
    // What a service said may hold anything.
    expect(text).not.toMatch(/canary|select|users/);
  });

  it("tells its message if the request itself is at fault", async () => {
    const { body } = await thrown(new IntegrationError({ code: "CONFLICT", message: "house 7 is taken" }));
    expect(body).toMatchObject({ title: "Conflict", detail: "house 7 is taken" });
  });

  it.each(["CONFIG_INVALID", "QUERY_FAILED", "FEATURE_DISABLED", "INVALID_OUTPUT"] as const)(
    "keeps its message in the log if we are: %s",
    async (code) => {
      const error = new IntegrationError({ code, message: `set SECRET_SWITCH in ${canary}` });
      const { body, text } = await thrown(error);
      expect(text).not.toMatch(/SECRET_SWITCH|canary/);
      expect(failures()).toMatchObject([
        { level: "error", message: "request failed", fields: { err: error, requestId: body.requestId } },
      ]);
    },
  );

  it("is not logged as a failure if the request is at fault", async () => {
    await thrown(new IntegrationError({ code: "NOT_FOUND", message: "no house 7" }));
    expect(failures()).toEqual([]);
  });

  it("says when to come back, never sooner than in a second", async () => {
    const retry = async (retryAfterMs: number) =>
      (
        await thrown(new IntegrationError({ code: "CIRCUIT_OPEN", message: "open", retryAfterMs }))
      ).response.headers.get("retry-after");
    expect([await retry(0), await retry(1), await retry(1_000), await retry(1_001)]).toEqual(["1", "1", "1", "2"]);
  });

  it("blames the user only for the user's own credentials", async () => {
    const refusal = async (service: string | undefined, sqlState?: string) =>
      (await thrown(new IntegrationError({ code: "UNAUTHENTICATED", message: "no", service, sqlState }))).response;
    for (const service of [undefined, "supabase", "neon"]) expect((await refusal(service)).status).toBe(401);
    const ours = [await refusal("tinyfish"), await refusal("crm"), await refusal("neon", "28P01")];
    expect(ours.map(({ status }) => status)).toEqual([502, 502, 502]);
    expect(ours.some(({ headers }) => headers.has("www-authenticate"))).toBe(false);
    expect(failures()).toHaveLength(3);
  });

  it("is known across copies of the package", async () => {
    const copy = Object.assign(new Error("no house"), { code: "NOT_FOUND", verdict: "fatal" });
    Object.defineProperty(copy, Symbol.for("enhanced-integration.error"), { value: true });
    expect((await thrown(copy)).body).toMatchObject({ status: 404, detail: "no house" });
  });
});

describe("anything else that is thrown", () => {
  it.each([new Error(canary), canary, { message: canary }, 42, { status: 500, expose: true, message: canary }])(
    "is an internal error that tells nothing: %j",
    async (value) => {
      const { body, text } = await thrown(value);
      expect(body).toMatchObject({
        type: "about:blank",
        title: "Internal Server Error",
        status: 500,
        code: "INTERNAL",
      });
      expect(text).not.toContain("canary");
      expect(failures()).toMatchObject([{ fields: { err: value } }]);
    },
  );

  it("keeps the status that a library asks for, and tells what it exposes and no more", async () => {
    const told = Object.assign(new Error("no such page"), { status: 404, expose: true });
    expect((await thrown(told)).body).toMatchObject({
      status: 404,
      title: "Not Found",
      code: "NOT_FOUND",
      detail: "no such page",
    });
    const kept = Object.assign(new Error(canary), { statusCode: 410 });
    const { body } = await thrown(kept);
    expect(body).toMatchObject({ status: 410, title: "Gone", code: "INVALID_INPUT" });
    expect(body.detail).toBeUndefined();
  });

  it.each([200, 302, 399, 600, NaN, "404", 404.5])(
    "is an internal error if its status is none of an error: %s",
    async (status) => {
      expect((await thrown(Object.assign(new Error("x"), { status }))).response.status).toBe(500);
    },
  );

  it("covers the body parsers of Express", async () => {
    const post = async (body: string) =>
      fetch(host.url, { method: "POST", body, headers: { "content-type": "application/json" } });
    const broken = await post('{"a":');
    expect(broken.status).toBe(400);
    expect(await broken.json()).toMatchObject({
      code: "INVALID_INPUT",
      detail: expect.stringContaining("JSON") as string,
    });
    const large = await post(JSON.stringify("x".repeat(2_000)));
    expect([large.status, ((await large.json()) as Body).title]).toEqual([413, "Payload Too Large"]);
  });

  it("covers a path that cannot be decoded", async () => {
    const response = await fetch(`${host.url}/houses/%E0%A4%A`);
    expect([response.status, ((await response.json()) as Body).code]).toEqual([400, "INVALID_INPUT"]);
  });
});

describe("the answer", () => {
  it("drops what the failed handler had said about a body that never came", async () => {
    handler = (_request, response) => {
      response.set({ "Content-Encoding": "gzip", ETag: '"1"', "Cache-Control": "public, max-age=3600" });
      response.set({ "Content-Disposition": "attachment", "Content-Length": "9999", "X-Kept": "yes" });
      throw new IntegrationError({ code: "NOT_FOUND", message: "no file" });
    };
    const { headers, status } = await fetch(host.url);
    expect(status).toBe(404);
    for (const name of ["content-encoding", "etag", "content-disposition"]) expect(headers.get(name)).toBeNull();
    expect([headers.get("cache-control"), headers.get("x-kept")]).toEqual(["no-store", "yes"]);
  });

  it("has no body for HEAD", async () => {
    handler = () => {
      throw new IntegrationError({ code: "NOT_FOUND", message: "no file" });
    };
    const response = await fetch(host.url, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([404, ""]);
  });

  it("is cut off if it had begun, so that nobody takes the half for the whole; the log knows why", async () => {
    const error = new IntegrationError({ code: "NETWORK", message: "cut" });
    handler = async (_request, response) => {
      response.write("half");
      await new Promise((resolve) => setImmediate(resolve));
      throw error;
    };
    const request = httpRequest(host.url).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    await expect(
      (async () => {
        for await (const chunk of response) expect(String(chunk)).toBe("half");
      })(),
    ).rejects.toThrow("aborted");
    expect(failures()).toMatchObject([{ fields: { err: error } }]);
  });
});
