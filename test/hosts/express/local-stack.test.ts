import express from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  integrationMiddleware,
  opsRouter,
  problemDetails,
  rateLimit,
  requireUser,
} from "../../../src/hosts/express/index.ts";
import { createIntegration, type Integration } from "../../../src/index.ts";
import { type LocalStack, readHouses, sampleDataFile, startLocalStack } from "../../../src/local/index.ts";
import { EventRecorder, ManualClock } from "../../../src/testing/index.ts";
import { serve, type Served } from "../support.ts";

let stack: LocalStack;
let integration: Integration;
let host: Served;

function appOf(served: Integration, deadlineMs?: number): express.Express {
  const app = express().use(integrationMiddleware(served, deadlineMs === undefined ? {} : { deadlineMs }));
  app.use("/ops", opsRouter(served));
  const api = express.Router();
  api.get("/search", requireUser(served), rateLimit(served, "search"), async (request, response) => {
    response.json(await served.listings.search({ text: request.get("x-wish") ?? "", limit: 5 }));
  });
  api.get("/alerts", async (request, response) => {
    const token = (request.get("authorization") ?? "").replace("Bearer ", "");
    response.json(await served.neon.asUser(token, (tx) => tx.query`select name from market_alerts`));
  });
  api.get("/houses/:id", async (request, response) => {
    response.json(await served.neon.query`select ${request.params.id}::text as id`);
  });
  api.get("/broken", async (_request, response) => {
    response.json(await served.neon.query`select secret_column from listings where price = ${"not a number"}`);
  });
  return app.use("/api", api).use(problemDetails(served));
}

beforeAll(async () => {
  const { houses } = await readHouses(sampleDataFile());
  stack = await startLocalStack({ houses: houses.slice(0, 20) });
  integration = createIntegration({ ...stack.env, LOG_LEVEL: "silent" });
  await integration.neon.migrate();
  await integration.listings.scrape({ source: "site", url: stack.siteUrl });
  host = await serve(appOf(integration));
});
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await integration?.close();
  await stack?.close();
});

async function signUp(email: string): Promise<string> {
  const { session } = await integration.supabase.auth.signUp({ email, password: "correct-horse-battery-staple" });
  return session!.accessToken;
}

const get = (path: string, headers: Record<string, string> = {}) => fetch(host.url + path, { headers });

describe("an app on real services", () => {
  it("searches for a signed-in user, and for nobody else", async () => {
    const authorization = `Bearer ${await signUp("ada@example.com")}`;
    const found = await get("/api/search", { authorization, "x-wish": "older home with a big lot" });
    expect([found.status, ((await found.json()) as unknown[]).length]).toEqual([200, 5]);
    expect((await get("/api/search", { authorization: `${authorization}x` })).status).toBe(401);
  });

  it("lets row-level security decide what a user sees", async () => {
    const [ada, bob] = [await signUp("ada2@example.com"), await signUp("bob@example.com")];
    const { userId } = await integration.supabase.auth.verify(ada);
    await integration.neon.query`insert into market_alerts (user_id, name) values (${userId}, 'by the lake')`;
    const seen = async (token: string) => (await get("/api/alerts", { authorization: `Bearer ${token}` })).json();
    expect(await seen(ada)).toEqual([{ name: "by the lake" }]);
    expect(await seen(bob)).toEqual([]);
    expect((await get("/api/alerts", { authorization: "Bearer forged" })).status).toBe(401);
  });

  it("tells nothing of a statement that failed", async () => {
    const response = await get("/api/broken");
    const text = await response.text();
    expect([response.status, JSON.parse(text)]).toMatchObject([500, { code: "QUERY_FAILED" }]);
    expect(text).not.toMatch(/secret_column|listings|not a number/);
  });

  it("is ready and healthy, and its metrics know routes and services", async () => {
    const ready = await get("/ops/ready", { "x-forwarded-for": "203.0.113.7" });
    expect([ready.status, await ready.json()]).toEqual([200, { status: "up" }]);
    expect(await (await get("/ops/health")).json()).toMatchObject({
      status: "up",
      checks: { supabase: { status: "up" } },
    });
    const counted = new Promise((resolve) => integration.events.on("request.finished", resolve));
    await get("/api/houses/4711");
    await counted;
    const metrics = await (await get("/ops/metrics")).text();
    expect(metrics).toMatch(
      /http_server_request_duration_seconds_count\{[^}]*http_route="\/api\/houses\/:id"[^}]*\} 1/,
    );
    expect(metrics).toMatch(/enhanced_integration_calls_total\{service="neon"[^}]*outcome="ok"[^}]*\} [1-9]/);
    expect(metrics).not.toMatch(/houses\/4711|="4711"/); // as a label: a duration may have these digits
  });

  it("gives up on a stalled database at the request's deadline, and the next request works", async () => {
    const clock = new ManualClock();
    await using slow = createIntegration({ ...stack.env, LOG_LEVEL: "silent" }, { clock });
    using recorder = new EventRecorder(slow.events);
    await using slowHost = await serve(appOf(slow, 3_000));
    const stall = stack.faults.inject("neon", { kind: "stall" }, { match: /^(POST \/sql|WS query)/ });
    const answer = fetch(`${slowHost.url}/api/houses/7`);
    while (stall.fired === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(3_000);
    const response = await answer;
    expect([response.status, await response.json()]).toMatchObject([504, { code: "DEADLINE_EXCEEDED" }]);
    expect(recorder.of("call.finished")[0]?.durationMs).toBe(3_000);
    expect(await (await fetch(`${slowHost.url}/api/houses/7`)).json()).toEqual([{ id: "7" }]);
  });

  it("cancels the query of a client that went away, and the next request works", async () => {
    using recorder = new EventRecorder(integration.events);
    const stall = stack.faults.inject("neon", { kind: "stall" }, { match: /^(POST \/sql|WS query)/ });
    const client = new AbortController();
    const answer = fetch(`${host.url}/api/houses/7`, { signal: client.signal });
    const ended = new Promise((resolve) => integration.events.on("request.finished", resolve));
    const settled = expect(answer).rejects.toThrow();
    while (stall.fired === 0) await new Promise((resolve) => setImmediate(resolve));
    client.abort();
    expect(await ended).toMatchObject({ status: 499, route: "/api/houses/:id" });
    await settled;
    expect(await (await get("/api/houses/8")).json()).toEqual([{ id: "8" }]);
    expect(recorder.of("call.finished").map(({ code }) => code)).toEqual(["ABORTED", undefined]);
  });
});
