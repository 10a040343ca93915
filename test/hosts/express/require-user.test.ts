import express from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { integrationMiddleware, problemDetails, requireUser } from "../../../src/hosts/express/index.ts";
import { createIntegration, type Integration, type IntegrationOverrides } from "../../../src/index.ts";
import { offline, recordingLogger, serve, type Served, tokenOf } from "../support.ts";

const logger = recordingLogger();
let integration: Integration;
let host: Served;

function appOf(served: Integration): express.Express {
  const app = express().use(integrationMiddleware(served));
  app.get("/me", requireUser(served), (request, response) => void response.json(request.integration!.user));
  app.get("/admin", requireUser(served, { role: "admin" }), (_request, response) => void response.end("in"));
  app.get("/vault", requireUser(served, { aal: "aal2" }), (_request, response) => void response.end("in"));
  app.get("/any", requireUser(served, { aal: "aal1" }), (_request, response) => void response.end("in"));
  return app.use(problemDetails(served));
}

beforeAll(async () => {
  integration = createIntegration(offline, { logger });
  host = await serve(appOf(integration));
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await integration.close();
});

const get = (path: string, authorization?: string) =>
  fetch(host.url + path, authorization === undefined ? {} : { headers: { authorization } });

describe("requireUser", () => {
  it("lets a genuine user in and shows who it is", async () => {
    const response = await get("/me", `Bearer ${await tokenOf({ sub: "user-7", email: "ada@example.com" })}`);
    expect(await response.json()).toMatchObject({ userId: "user-7", email: "ada@example.com", role: "authenticated" });
    expect((await get("/me", `bearer  ${await tokenOf()}`)).status).toBe(200);
  });

  it.each([undefined, "", "Basic YTpi", "Bearer", "Bearer a b"])(
    "refuses a request without a token: %j",
    async (sent) => {
      const response = await get("/me", sent);
      expect(response.status).toBe(401);
      // RFC 6750: who sent nothing made no error.
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      expect(await response.json()).toMatchObject({
        code: "UNAUTHENTICATED",
        detail: expect.stringContaining("Bearer") as string,
      });
    },
  );

  it("refuses forged, expired, foreign and malformed tokens, says why, and repeats none of them", async () => {
    const genuine = await tokenOf();
    const [header, , signature] = genuine.split(".") as [string, string, string];
    const claims = Buffer.from(JSON.stringify({ sub: "root", role: "authenticated", exp: 9e9 })).toString("base64url");
    const bad = {
      altered: `${header}.${claims}.${signature}`,
      unsigned: `${Buffer.from('{"alg":"none"}').toString("base64url")}.${claims}.`,
      otherKey: await tokenOf({}, { signedWith: "another-secret-of-more-than-thirty-two-characters" }),
      otherProject: await tokenOf({}, { url: "https://elsewhere.supabase.co" }),
      expired: await tokenOf({}, { expiresAt: 1_000_000_000 }),
      nonsense: "nonsense",
    };
    for (const [what, token] of Object.entries(bad)) {
      const response = await get("/me", `Bearer ${token}`);
      expect([what, response.status]).toEqual([what, 401]);
      expect(response.headers.get("www-authenticate")).toBe('Bearer error="invalid_token"');
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({
        code: "UNAUTHENTICATED",
        detail: expect.stringContaining("token") as string,
      });
      expect(text).not.toContain(token);
    }
    expect(logger.lines.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("refuses a user of another role, or without the second factor that is asked for", async () => {
    const user = `Bearer ${await tokenOf()}`;
    expect((await get("/admin", user)).status).toBe(403);
    expect(await (await get("/vault", user)).json()).toMatchObject({ code: "FORBIDDEN", status: 403 });
    expect((await get("/vault", `Bearer ${await tokenOf({ aal: undefined })}`)).status).toBe(403);
    expect((await get("/any", user)).status).toBe(200);
    expect((await get("/vault", `Bearer ${await tokenOf({ aal: "aal2" })}`)).status).toBe(200);
    expect((await get("/admin", `Bearer ${await tokenOf({ role: "admin" })}`)).status).toBe(200);
  });

  it("asks the integration that it was given, whichever other one the request has passed", async () => {
    const other = createIntegration({ ...offline, SUPABASE_URL: "https://elsewhere.supabase.co" });
    const app = express().use(integrationMiddleware(other), integrationMiddleware(integration));
    app.get("/other", requireUser(other), (_request, response) => void response.end());
    app.use(problemDetails(integration));
    await using both = await serve(app);
    const ask = async (url: string) =>
      (await fetch(`${both.url}/other`, { headers: { authorization: `Bearer ${await tokenOf({}, { url })}` } })).status;
    expect(await ask("https://elsewhere.supabase.co")).toBe(200);
    expect(await ask(offline.SUPABASE_URL)).toBe(401);
    await other.close();
  });

  it("says that it is our fault, not the user's, when the project's keys are out of reach", async () => {
    const { SUPABASE_JWT_SECRET: _, ...env } = offline;
    const fetchNothing: IntegrationOverrides["fetch"] = () => Promise.reject(new TypeError("fetch failed"));
    const blind = createIntegration(env, { fetch: fetchNothing, logger: recordingLogger() });
    await using blindHost = await serve(appOf(blind));
    const es256 = `${Buffer.from('{"alg":"ES256","kid":"k"}').toString("base64url")}.e30.${"A".repeat(86)}`;
    const response = await fetch(`${blindHost.url}/me`, { headers: { authorization: `Bearer ${es256}` } });
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ code: "NETWORK" });
    await blind.close();
  });

  it("fails loudly where integrationMiddleware is missing", async () => {
    const app = express().get("/", requireUser(integration)).use(problemDetails(integration));
    await using bare = await serve(app);
    const response = await fetch(bare.url, { headers: { authorization: `Bearer ${await tokenOf()}` } });
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ code: "CONFIG_INVALID" });
    expect(String(logger.lines.at(-1)?.fields["err"])).toContain("integrationMiddleware");
  });

  it("refuses options that it could not keep", () => {
    expect(() => requireUser(integration, { aal: "aal3" as "aal2", role: "" })).toThrow(
      /aal must be aal1 or aal2, got "aal3"; role must not be empty/,
    );
  });
});
