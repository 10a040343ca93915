import { type IncomingMessage, request as httpRequest } from "node:http";
import { once } from "node:events";
import cors from "cors";
import express from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { corsOptions, integrationMiddleware, opsRouter } from "../../../src/hosts/express/index.ts";
import { createIntegration, type Integration } from "../../../src/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { offline, serve, type Served } from "../support.ts";

let asked = 0;
let integration: Integration;
let host: Served;

beforeAll(async () => {
  // Every service is out of reach: the scraper and the models over fetch, the database by its closed port.
  const fetch = () => Promise.reject(new TypeError(`fetch failed ${++asked}`));
  const env = { ...offline, NEON_CONNECTION_STRING: "postgresql://app:canary-password@127.0.0.1:1/app" };
  integration = createIntegration(env, { fetch });
  const app = express().use(integrationMiddleware(integration));
  app.use("/ops", opsRouter(integration));
  app.use("/keyed", opsRouter(integration, { authorize: (request) => request.get("x-ops-key") === "k" }));
  app.use("/async", opsRouter(integration, { authorize: async () => false }));
  app.use("/failing", opsRouter(integration, { authorize: () => Promise.reject(new Error("directory is down")) }));
  app.use(opsRouter(integration));
  app.get("/app", (_request, response) => void response.end("the host's own"));
  host = await serve(app);
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await integration.close();
});

const get = (path: string, headers: Record<string, string> = {}) => fetch(host.url + path, { headers });

/** `fetch` does not let the Host header be set. */
async function statusFor(path: string, headers: Record<string, string>): Promise<number | undefined> {
  const request = httpRequest(host.url + path, { headers }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

describe("for probes", () => {
  it("/live answers everybody and touches no service", async () => {
    const response = await get("/ops/live", { "x-forwarded-for": "203.0.113.7" });
    expect([response.status, await response.json()]).toEqual([200, { status: "up" }]);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(asked).toBe(0);
  });

  it("/ready turns traffic away while a critical service is down, and tells no details", async () => {
    const response = await get("/ops/ready", { "x-forwarded-for": "203.0.113.7" });
    expect([response.status, await response.json()]).toEqual([503, { status: "down" }]);
  });

  it("/startup says whether start() has succeeded, without asking anybody", async () => {
    const before = asked;
    const starting = createIntegration({ ...offline, ENABLE_METRICS: "false", ENABLE_HEALTH_CHECKS: "false" });
    const served = await serve(express().use("/ops", opsRouter(starting)));
    const startup = async () => {
      const response = await fetch(`${served.url}/ops/startup`);
      return [response.status, await response.json()];
    };
    expect(await startup()).toEqual([503, { status: "down" }]);
    await starting.start();
    expect(await startup()).toEqual([200, { status: "up" }]);
    await starting.close();
    expect(await startup()).toEqual([503, { status: "down" }]);
    await served[Symbol.asyncDispose]();
    expect(asked).toBe(before);
  });

  it.each(["/live", "/ready", "/startup", "/health"])("%s is health+json that nobody stores", async (path) => {
    const { headers } = await get(`/ops${path}`);
    expect(headers.get("content-type")).toBe("application/health+json; charset=utf-8");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  it("answers HEAD, and leaves other methods and paths to the host", async () => {
    const head = await fetch(`${host.url}/ops/live`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await fetch(`${host.url}/ops/live`, { method: "POST" })).status).toBe(404);
    for (const path of ["/ops/unknown", "/ops/constructor", "/ops/__proto__"])
      expect((await get(path)).status).toBe(404);
    const own = await get("/app");
    expect([await own.text(), own.headers.get("cache-control")]).toEqual(["the host's own", null]);
  });
});

describe("for operators", () => {
  it("/health shows each check, and no secret", async () => {
    const response = await get("/ops/health");
    const text = await response.text();
    expect(response.status).toBe(503);
    expect(JSON.parse(text)).toMatchObject({
      status: "down",
      checks: { neon: { status: "down", critical: true }, ollama: { status: "down", critical: false } },
    });
    expect(text).not.toContain("canary");
  });

  it("/metrics speaks Prometheus, and OpenMetrics to whom asks for it", async () => {
    const plain = await get("/ops/metrics");
    expect(plain.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await plain.text()).toMatch(/^# HELP /);
    const open = await get("/ops/metrics", { accept: "application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1" });
    expect(open.headers.get("content-type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    expect(await open.text()).toMatch(/# EOF\n$/);
  });

  it.each(["/health", "/metrics"])("%s does not exist for those who are not authorized", async (path) => {
    for (const refused of [`/keyed${path}`, `/async${path}`]) expect((await get(refused)).status).toBe(404);
    expect((await get(`/keyed${path}`, { "x-ops-key": "k", "x-forwarded-for": "203.0.113.7" })).status).not.toBe(404);
    expect((await get(`/failing${path}`)).status).toBe(500);
  });

  it("does not take a request for local that a proxy passed on", async () => {
    for (const header of ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"])
      expect([header, (await get("/ops/metrics", { [header]: "127.0.0.1" })).status]).toEqual([header, 404]);
  });

  it("does not take a request for local that asks for another name, as a browser here does for a rebound one", async () => {
    for (const name of ["evil.example", "db.internal:8080", "192.0.2.1", "127.0.0.1.evil.example", "x y"])
      expect([name, await statusFor("/ops/metrics", { host: name })]).toEqual([name, 404]);
    for (const name of ["localhost", "localhost:3000", "127.0.0.1", "[::1]:3000"])
      expect([name, await statusFor("/ops/metrics", { host: name })]).toEqual([name, 200]);
  });
});

describe("a closing integration", () => {
  it("is not ready from the first moment of close, while a call is still in flight", async () => {
    const clock = new ManualClock();
    const closing = createIntegration(offline, { clock });
    await using closingHost = await serve(express().use(opsRouter(closing)));
    const call = Promise.withResolvers<string>();
    const answer = closing.call({ service: "crm", operation: "get" }, () => call.promise);
    const closed = closing.close();
    await clock.advance(0);
    const ready = await fetch(`${closingHost.url}/ready`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: "down" }]);
    expect((await fetch(`${closingHost.url}/live`)).status).toBe(200);
    call.resolve("done");
    expect(await answer).toBe("done");
    await closed;
  });
});

describe("corsOptions", () => {
  const allowed = async (CORS_ORIGIN: string, origin: string) => {
    const configured = createIntegration({ ...offline, CORS_ORIGIN });
    const app = express().use(cors(corsOptions(configured)), integrationMiddleware(configured));
    await using corsHost = await serve(app);
    const { headers } = await fetch(corsHost.url, { headers: { origin } });
    await configured.close();
    return headers;
  };

  it("lets the named origins read, with the headers that a client needs", async () => {
    const headers = await allowed("https://app.example,https://admin.example", "https://admin.example");
    expect(headers.get("access-control-allow-origin")).toBe("https://admin.example");
    expect(headers.get("access-control-expose-headers")).toBe("X-Request-Id,RateLimit,RateLimit-Policy,Retry-After");
  });

  it("lets no other origin read, and every one where that is asked for", async () => {
    expect((await allowed("https://app.example", "https://evil.example")).has("access-control-allow-origin")).toBe(
      false,
    );
    expect((await allowed("", "https://evil.example")).has("access-control-allow-origin")).toBe(false);
    expect((await allowed("*", "https://any.example")).get("access-control-allow-origin")).toBe("*");
  });
});
