import express from "express";
import { parseList } from "structured-headers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { integrationMiddleware, problemDetails, rateLimit, requireUser } from "../../../src/hosts/express/index.ts";
import { createIntegration, type Integration } from "../../../src/index.ts";
import { RateLimiter } from "../../../src/resilience/index.ts";
import { ManualClock } from "../../../src/testing/index.ts";
import { offline, serve, type Served, tokenOf } from "../support.ts";

let clock: ManualClock;
let integration: Integration;
let host: Served;
let layered: RateLimiter;

const env = {
  ...offline,
  RATE_LIMIT_SEARCH_REQUESTS: "60",
  RATE_LIMIT_SEARCH_WINDOW: "1m",
  RATE_LIMIT_SEARCH_BURST: "3",
  RATE_LIMIT_AUTH_REQUESTS: "2",
  RATE_LIMIT_AUTH_WINDOW: "1500ms",
  RATE_LIMIT_AUTH_BURST: "2",
};

beforeAll(async () => {
  const ok: express.RequestHandler = (_request, response) => void response.end();
  const app = express().set("trust proxy", "loopback");
  // The integration changes with each test, the routes do not.
  app.use((request, response, next) => {
    const routes = express.Router().use(integrationMiddleware(integration));
    routes.get("/search", rateLimit(integration, "search"), ok);
    routes.get("/mine", requireUser(integration), rateLimit(integration, "search"), ok);
    routes.get("/keyed", rateLimit(integration, "search", { key: (each) => each.get("x-key") ?? "" }), ok);
    routes.get("/both", rateLimit(integration, "search"), rateLimit(integration, "auth"), ok);
    routes.get("/layered", rateLimit({ limits: layered }, "api"), rateLimit(integration, "auth"), ok);
    routes.get("/narrow", rateLimit(integration, "search", { ipv6PrefixBits: 64 }), ok);
    routes.use(problemDetails(integration));
    routes(request, response, next);
  });
  host = await serve(app);
});
beforeEach(() => {
  clock = new ManualClock({ wallNow: Date.now() });
  integration = createIntegration(env, { clock });
  const layers = [
    { requests: 2, windowMs: 1_000 },
    { requests: 3, windowMs: 60_000, name: "slow" },
  ];
  layered = new RateLimiter({ clock, limits: { api: layers } });
  return () => integration.close();
});
afterAll(() => host[Symbol.asyncDispose]());

const get = (path: string, headers: Record<string, string> = {}) => fetch(host.url + path, { headers });
const from = (address: string) => get("/search", { "x-forwarded-for": address });

describe("rateLimit", () => {
  it("tells policy, remaining and reset as structured fields, and counts down", async () => {
    const seen = [];
    for (let i = 0; i < 3; i += 1) seen.push((await get("/search")).headers);
    expect(seen.map((headers) => headers.get("ratelimit-policy"))).toEqual(Array(3).fill('"search";q=60;w=60'));
    expect(seen.map((headers) => headers.get("ratelimit"))).toEqual([
      '"search";r=2;t=1',
      '"search";r=1;t=2',
      '"search";r=0;t=3',
    ]);
    expect(seen[0]?.has("retry-after")).toBe(false);
  });

  it("refuses past the burst with a quota-exceeded problem, and keeps its word about when to come back", async () => {
    for (let i = 0; i < 3; i += 1) await get("/search");
    const refused = await get("/search");
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(refused.headers.get("ratelimit")).toBe('"search";r=0;t=1');
    expect(refused.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect(await refused.json()).toMatchObject({
      type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
      status: 429,
      code: "RATE_LIMITED",
      "violated-policies": ["search"],
    });
    await clock.advance(999);
    expect((await get("/search")).status).toBe(429);
    await clock.advance(1);
    expect((await get("/search")).status).toBe(200);
  });

  it("charges the verified user, wherever the requests come from, and nobody else", async () => {
    const mine = async (sub: string, address: string) =>
      get("/mine", { authorization: `Bearer ${await tokenOf({ sub })}`, "x-forwarded-for": address });
    for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
      expect((await mine("ada", address)).status).toBe(200);
    expect((await mine("ada", "192.0.2.4")).status).toBe(429);
    expect((await mine("grace", "192.0.2.1")).status).toBe(200);
  });

  it("takes an IPv4 address and its IPv6 form for one, and two addresses for two", async () => {
    for (let i = 0; i < 3; i += 1) await from("192.0.2.1");
    expect((await from("::ffff:192.0.2.1")).status).toBe(429);
    expect((await from("::ffff:c000:201")).status).toBe(429);
    expect((await from("192.0.2.2")).status).toBe(200);
  });

  it("takes a /56 of IPv6 for one, because a single machine has all of it", async () => {
    for (const address of ["2001:db8:1:aa00::1", "2001:db8:1:aa01::2", "2001:db8:1:aaff:ffff::3"])
      expect((await from(address)).status).toBe(200);
    expect((await from("2001:db8:1:aa7f::9")).status).toBe(429);
    expect((await from("2001:db8:1:ab00::1")).status).toBe(200);
  });

  it("takes another prefix of IPv6, and refuses one that is out of range", async () => {
    const narrow = (address: string) => get("/narrow", { "x-forwarded-for": address });
    for (let i = 0; i < 3; i += 1) await narrow("2001:db8:1:aa00::1");
    expect((await narrow("2001:db8:1:aa00::2")).status).toBe(429);
    expect((await narrow("2001:db8:1:aa01::1")).status).toBe(200);
    for (const ipv6PrefixBits of [0, 47, 129, 56.5, NaN])
      expect(() => rateLimit(integration, "search", { ipv6PrefixBits })).toThrow(/ipv6PrefixBits must be .* 48 to 128/);
  });

  it("names all policies of a limit, and tells the state of the weakest", async () => {
    const first = (await get("/layered")).headers;
    expect(first.get("ratelimit-policy")).toBe('"api:2/1s";q=2;w=1, "api:slow";q=3;w=60, "auth";q=2;w=2');
    expect(first.get("ratelimit")).toMatch(/^"api:2\/1s";r=1;t=1, /);
    await get("/layered");
    const fast = await get("/layered");
    expect(fast.headers.get("ratelimit")).toBe('"api:2/1s";r=0;t=1');
    expect(await fast.json()).toMatchObject({ "violated-policies": ["api:2/1s"] });
    await clock.advance(2_000);
    expect((await get("/layered")).headers.get("ratelimit")).toMatch(/^"api:slow";r=0;t=\d+, /);
    const slow = await get("/layered");
    expect(slow.headers.get("retry-after")).toBe("18");
    expect(await slow.json()).toMatchObject({ "violated-policies": ["api:slow"] });
  });

  it("charges whom the host names", async () => {
    for (let i = 0; i < 3; i += 1) await get("/keyed", { "x-key": "a" });
    expect((await get("/keyed", { "x-key": "a" })).status).toBe(429);
    expect((await get("/keyed", { "x-key": "b" })).status).toBe(200);
  });

  it("lists several limits of one route together, and names the one that refused", async () => {
    const both = (await get("/both")).headers;
    expect(parseList(both.get("ratelimit-policy")!).map(([name]) => name)).toEqual(["search", "auth"]);
    // 1.5 s is told as 2: a client that waits too long loses less than one that comes too early.
    expect(both.get("ratelimit-policy")).toBe('"search";q=60;w=60, "auth";q=2;w=2');
    await get("/both");
    const refused = await get("/both");
    expect(refused.headers.get("ratelimit")).toBe('"search";r=0;t=3, "auth";r=0;t=1');
    expect(await refused.json()).toMatchObject({ "violated-policies": ["auth"] });
  });

  it("knows its limit when it is made, not when it is asked", () => {
    expect(() => rateLimit(integration, "serach")).toThrow(
      /there is no limit "serach"; known are scraping, analysis, search, upload, auth/,
    );
  });
});
