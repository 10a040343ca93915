import { createHash } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request as httpRequest } from "node:http";
import express from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { opsRouter } from "../../../src/hosts/express/index.ts";
import { createIntegration, type Integration, type StatusSnapshot } from "../../../src/index.ts";
import { offline, recordingLogger, serve, type Served } from "../support.ts";

const logger = recordingLogger();
let integration: Integration;
let host: Served;

beforeAll(async () => {
  const fetch = () => Promise.reject(new TypeError("fetch failed"));
  const env = { ...offline, NEON_CONNECTION_STRING: "postgresql://app:canary-password@127.0.0.1:1/app" };
  integration = createIntegration(env, { fetch, logger });
  const named = (request: { get(name: string): string | undefined }) => request.get("x-operator") ?? false;
  const app = express();
  app.use("/ops", opsRouter(integration));
  app.use("/acting", opsRouter(integration, { authorize: named, actions: true }));
  app.use("/parsed", express.json(), opsRouter(integration, { authorize: named, actions: true }));
  app.use("/some", opsRouter(integration, { authorize: named, actions: (request) => named(request) === "ada" }));
  app.use("/tenants/:tenant/ops", opsRouter(integration));
  app.use(opsRouter(integration));
  app.get("/", (_request, response) => void response.end("the host's own"));
  host = await serve(app);
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await integration.close();
});

const json = { "content-type": "application/json", "x-operator": "ada" };
const post = (path: string, body: unknown, headers: Record<string, string> = json) =>
  fetch(host.url + path, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
const stateOf = (service: string) => integration.describe().breakers[service];

async function refused(answer: Promise<Response>): Promise<[number, string]> {
  const response = await answer;
  return [response.status, ((await response.json()) as { error: string }).error];
}

describe("the page", () => {
  it("is one document that may run and style nothing but what was hashed", async () => {
    const response = await fetch(`${host.url}/ops/`);
    const html = await response.text();
    const policy = response.headers.get("content-security-policy");
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-[\w+/=]+'; connect-src 'self';/,
    );
    for (const tag of ["script", "style"]) {
      const [, text = ""] = new RegExp(`<${tag}>([\\s\\S]*)</${tag}>`).exec(html) ?? [];
      expect(policy).toContain(`'sha256-${createHash("sha256").update(text).digest("base64")}'`);
    }
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(html).not.toMatch(/ style=| on[a-z]+=|<script src|<link rel="stylesheet"|%\w+%/);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "content-type": "text/html; charset=utf-8",
    });
  });

  it("sends those who left out the last slash to where its links lead on", async () => {
    for (const path of ["/ops", "/tenants/a%2f/ops"]) {
      const response = await fetch(`${host.url}${path}?x=1`, { redirect: "manual" });
      expect(response.status).toBe(302);
      expect(new URL(response.headers.get("location")!, host.url + path).pathname).toBe(`${path}/`);
    }
  });

  it("knows whether its visitor may act", async () => {
    const actionsFor = async (path: string, operator: string) => {
      const html = await (await fetch(host.url + path, { headers: { "x-operator": operator } })).text();
      return /data-actions="(\w+)"/.exec(html)?.[1];
    };
    expect([await actionsFor("/ops/", ""), await actionsFor("/acting/", "bob")]).toEqual(["no", "yes"]);
    expect([await actionsFor("/some/", "ada"), await actionsFor("/some/", "bob")]).toEqual(["yes", "no"]);
  });

  it("tells visitors from elsewhere what to do, and does not exist for those who were refused", async () => {
    for (const path of ["/ops/", "/ops/status.json", "/ops/events"]) {
      const response = await fetch(host.url + path, { headers: { "x-forwarded-for": "203.0.113.7" } });
      expect([response.status, await response.text()]).toEqual([403, expect.stringContaining("authorize")]);
    }
    for (const path of ["/acting/", "/acting/status.json", "/acting/events"])
      expect((await fetch(host.url + path)).status).toBe(404);
    expect((await post("/acting/actions", {}, { "content-type": "application/json" })).status).toBe(404);
  });

  it("leaves a host's front page to others where the router is mounted at the root", async () => {
    const elsewhere = await fetch(`${host.url}/`, { headers: { "x-forwarded-for": "203.0.113.7" } });
    expect(await elsewhere.text()).toBe("the host's own");
  });
});

describe("the data", () => {
  it("status.json has waited for the checks, and holds no secret", async () => {
    const response = await fetch(`${host.url}/ops/status.json`);
    const text = await response.text();
    const status = JSON.parse(text) as StatusSnapshot;
    expect(status).toMatchObject({
      health: { status: "down" },
      pool: { name: "neon", max: 20 },
      queue: { inFlight: 0 },
    });
    expect(status.services.find(({ name }) => name === "ollama")).toMatchObject({
      health: "down",
      breaker: { state: "closed" },
    });
    expect(text).not.toContain("canary");
  });

  it("events begins with a snapshot, and ends with the integration", async () => {
    const closing = createIntegration(offline, { logger });
    await using closingHost = await serve(express().use("/ops", opsRouter(closing)));
    const response = await fetch(`${closingHost.url}/ops/events`);
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toContain("no-transform");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("\n\ndata: {")) text += (await reader.read()).value ?? "";
    await closing.close();
    let ended = false;
    while (!ended) ended = (await reader.read()).done;
    expect(text).toMatch(/^retry: 2000\n\ndata: \{"at":/);
  });

  it("events feeds twenty pages, and tells the next to come later", async () => {
    const gone = new AbortController();
    const watch = () => fetch(`${host.url}/ops/events`, { signal: gone.signal });
    const open = await Promise.all(Array.from({ length: 20 }, watch));
    expect(open.map(({ status }) => status)).toEqual(Array<number>(20).fill(200));
    const late = await watch();
    expect([late.status, late.headers.get("retry-after")]).toEqual([503, "10"]);
    gone.abort();
    const again = async (): Promise<number> => {
      const abort = new AbortController();
      const { status } = await fetch(`${host.url}/ops/events`, { signal: abort.signal });
      abort.abort();
      return status === 503 ? again() : status;
    };
    expect(await again()).toBe(200);
  });
});

describe("actions", () => {
  it("isolate and close a circuit, with a line in the log that says who", async () => {
    const isolated = await post("/acting/actions", { action: "isolate", service: "ollama" });
    const { services } = (await isolated.json()) as StatusSnapshot;
    expect(services.find(({ name }) => name === "ollama")?.breaker?.state).toBe("isolated");
    expect(logger.lines.find(({ fields }) => fields["audit"] === true)).toMatchObject({
      level: "warn",
      fields: { who: "ada", action: "isolate", target: "ollama" },
    });
    expect((await post("/parsed/actions", { action: "close", service: "ollama" })).status).toBe(200);
    expect(stateOf("ollama")).toBe("closed");
  });

  it("silence an alert for so many minutes, and end it", async () => {
    const [{ name } = { name: "" }] = integration.monitoring.alerts();
    expect((await post("/acting/actions", { action: "silence", alert: name, minutes: 15 })).status).toBe(200);
    const { silences } = integration.monitoring.notifications;
    const silence = silences.of({ alertname: name, severity: "warning" });
    expect(silence).toMatchObject({ author: "ada", until: silence!.startsAt + 900_000 });
    await post("/acting/actions", { action: "unsilence", silence: silence!.id });
    expect(silences.list()).toEqual([]);
  });

  it("are refused to other sites, and to forms", async () => {
    const action = { action: "isolate", service: "neon" };
    const origin = new URL(host.url).origin;
    const from = (headers: Record<string, string>) => refused(post("/acting/actions", action, { ...json, ...headers }));
    for (const site of ["cross-site", "same-site", "none"])
      expect((await from({ "sec-fetch-site": site }))[0]).toBe(403);
    expect((await from({ origin: "https://evil.example" }))[0]).toBe(403);
    expect((await from({ origin: "null" }))[0]).toBe(403);
    expect((await from({ "content-type": "text/plain" }))[0]).toBe(415);
    expect((await from({ "content-type": "application/x-www-form-urlencoded" }))[0]).toBe(415);
    expect(stateOf("neon")).toBe("closed");
    expect((await post("/acting/actions", action, { ...json, origin })).status).toBe(200);
    expect(
      (await post("/acting/actions", { ...action, action: "close" }, { ...json, "sec-fetch-site": "same-origin" }))
        .status,
    ).toBe(200);
  });

  it("are refused where they are not allowed", async () => {
    const action = { action: "isolate", service: "neon" };
    expect(await refused(post("/ops/actions", action))).toEqual([403, expect.stringContaining("`actions`")]);
    expect((await post("/some/actions", action, { ...json, "x-operator": "bob" })).status).toBe(403);
    expect(stateOf("neon")).toBe("closed");
  });

  it("say what is wrong with them", async () => {
    const wrong = (body: unknown) => refused(post("/acting/actions", body));
    expect(await wrong({ action: "isolate", service: "nobody" })).toEqual([404, expect.stringContaining("ollama")]);
    expect(await wrong({ action: "silence", alert: "nobody", minutes: 1 })).toEqual([404, expect.any(String)]);
    const [{ name } = { name: "" }] = integration.monitoring.alerts();
    expect(await wrong({ action: "silence", alert: name, minutes: 1e6 })).toEqual([
      400,
      expect.stringContaining("10080"),
    ]);
    expect(await wrong({ action: "unsilence", silence: "none" })).toEqual([404, expect.any(String)]);
    expect(await wrong({ action: "explode" })).toEqual([400, expect.stringContaining("isolate, close")]);
    expect(await wrong("[")).toEqual([400, "the body is not JSON"]);
    expect((await wrong("7"))[0]).toBe(400);
    expect((await wrong(`"${"x".repeat(5_000)}"`))[0]).toBe(413);
  });

  it("exist for POST alone", async () => {
    const request = httpRequest(`${host.url}/acting/actions`, { method: "PUT", headers: json }).end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(404);
  });
});
