import { describe, expect, it } from "vitest";
import { issueOf, load, warningsOf } from "./minimal-env.ts";

const pooled = "postgresql://app:s3cr3t@ep-cool-1234-pooler.eu-central-1.aws.neon.tech/main";
const direct = "postgresql://app:s3cr3t@ep-cool-1234.eu-central-1.aws.neon.tech/main";
const production = { NODE_ENV: "production", SUPABASE_URL: "https://abc.supabase.co" };

describe("Neon", () => {
  it("refuses a pool above the ceiling", () => {
    const issue = issueOf("NEON_POOL_SIZE", { NEON_POOL_SIZE: "50", NEON_MAX_CONNECTIONS: "40" });
    expect(issue?.problem).toBe("is 50, above NEON_MAX_CONNECTIONS (40)");
    expect(issueOf("NEON_POOL_SIZE", { NEON_POOL_SIZE: "40", NEON_MAX_CONNECTIONS: "40" })).toBeUndefined();
  });

  it("warns of a ceiling that the smallest compute cannot hold, unless a pooler stands between", () => {
    const warned = (connection: string, ceiling: string) =>
      warningsOf({ NEON_CONNECTION_STRING: connection, NEON_MAX_CONNECTIONS: ceiling }, "NEON_MAX_CONNECTIONS");
    expect(warned(direct, "98")).toHaveLength(1);
    expect(warned(direct, "97")).toEqual([]);
    expect(warned(pooled, "1000")).toEqual([]);
    expect(warningsOf({ NEON_CONNECTION_STRING: direct }, "NEON_MAX_CONNECTIONS")).toEqual([]);
  });

  it("wants a direct host beside a pooler, and one that is direct", () => {
    const name = "NEON_DIRECT_CONNECTION_STRING";
    expect(warningsOf({ NEON_CONNECTION_STRING: pooled }, name)[0]).toContain("LISTEN");
    expect(warningsOf({ NEON_CONNECTION_STRING: pooled, [name]: direct }, name)).toEqual([]);
    expect(issueOf(name, { [name]: pooled })?.problem).toBe("names a pooler");
  });

  it("lets NEON_DATABASE replace the database everywhere", () => {
    const { neon } = load({
      NEON_CONNECTION_STRING: pooled,
      NEON_DIRECT_CONNECTION_STRING: direct,
      NEON_DATABASE: "reengine_staging",
    });
    expect(neon.database).toBe("reengine_staging");
    for (const connection of [neon.connection, neon.directConnection]) {
      expect(connection?.database).toBe("reengine_staging");
      expect(connection?.url.reveal()).toMatch(/\/reengine_staging$/);
    }
  });

  it("needs a database name from somewhere", () => {
    const env = { NEON_CONNECTION_STRING: "postgresql://app:s3cr3t@localhost" };
    expect(issueOf("NEON_CONNECTION_STRING", env)?.problem).toBe("names no database");
    expect(issueOf("NEON_CONNECTION_STRING", { ...env, NEON_DATABASE: "main" })).toBeUndefined();
  });

  it("refuses the plan's Data API address with the right form, and a key that is no JWT", () => {
    const issue = issueOf("NEON_DATA_API_URL", { NEON_DATA_API_URL: "https://neon-api.neon.tech/api/v1" });
    expect(issue?.hint).toContain(".apirest.");
    const right = "https://ep-x.apirest.c-2.us-east-1.aws.neon.tech/main/rest/v1";
    expect(load({ NEON_DATA_API_URL: `${right}/` }).neon.dataApiUrl).toBe(right);
    expect(issueOf("NEON_DATA_API_KEY", { NEON_DATA_API_KEY: "napi_0123456789" })?.hint).toContain("NEON_API_KEY");
    expect(load({ NEON_DATA_API_KEY: "aaaa.bbbb.cccc" }).neon.dataApiToken?.reveal()).toBe("aaaa.bbbb.cccc");
  });
});

describe("Supabase", () => {
  it("derives its endpoints from the project's URL, and lets each be replaced", () => {
    const { supabase } = load({
      SUPABASE_URL: "https://abc.supabase.co/",
      SUPABASE_STORAGE_URL: "https://cdn.example.com/s",
    });
    expect(supabase).toMatchObject({
      url: "https://abc.supabase.co",
      realtimeUrl: "wss://abc.supabase.co/realtime/v1",
      storageUrl: "https://cdn.example.com/s",
      jwksUrl: "https://abc.supabase.co/auth/v1/.well-known/jwks.json",
    });
  });

  it("takes the new kinds of keys by their own names, which win over the old", () => {
    const env = {
      SUPABASE_ANON_KEY: "",
      SUPABASE_PUBLISHABLE_KEY: "sb_publishable_abc",
      SUPABASE_SECRET_KEY: "sb_secret_abc",
    };
    const { supabase, features } = load(env);
    expect(supabase.anonKey?.reveal()).toBe("sb_publishable_abc");
    expect(supabase.serviceKey?.reveal()).toBe("sb_secret_abc");
    expect(features.adminAuth.enabled).toBe(true);
    const both = load({ ...env, SUPABASE_ANON_KEY: "legacy-anon-key" });
    expect(both.supabase.anonKey?.reveal()).toBe("sb_publishable_abc");
    expect(both.warnings.map((warning) => warning.name)).toEqual(["SUPABASE_ANON_KEY"]);
  });

  it("refuses a key in the other key's place, of the new and of the old kind", () => {
    const jwt = (role: string) => `eyJh.${Buffer.from(JSON.stringify({ role })).toString("base64url")}.c2ln`;
    expect(issueOf("SUPABASE_ANON_KEY", { SUPABASE_ANON_KEY: "sb_secret_abcdef" })?.problem).toContain("bypasses");
    expect(issueOf("SUPABASE_ANON_KEY", { SUPABASE_ANON_KEY: jwt("service_role") })?.problem).toContain("bypasses");
    expect(issueOf("SUPABASE_SERVICE_KEY", { SUPABASE_SERVICE_KEY: jwt("anon") })?.problem).toContain("public");
    expect(load({ SUPABASE_ANON_KEY: jwt("anon"), SUPABASE_SERVICE_KEY: jwt("service_role") }).warnings).toEqual([]);
  });

  it("takes public keys inline and refuses private ones", () => {
    const jwks = (key: object) => ({ SUPABASE_JWKS: JSON.stringify({ keys: [key] }) });
    const publicKey = { kty: "EC", crv: "P-256", kid: "1", x: "eA", y: "eQ" };
    expect(load(jwks(publicKey)).supabase.jwks).toEqual({ keys: [publicKey] });
    expect(issueOf("SUPABASE_JWKS", jwks({ ...publicKey, d: "ZA" }))?.problem).toBe("holds a private key");
    expect(issueOf("SUPABASE_JWKS", { SUPABASE_JWKS: "{}" })?.problem).toContain("not a JSON Web Key Set");
  });

  it("refuses credentials, queries and other protocols in its URL", () => {
    for (const url of ["https://u:p@abc.supabase.co", "https://abc.supabase.co?x=1", "ftp://abc.supabase.co", "abc"])
      expect(issueOf("SUPABASE_URL", { SUPABASE_URL: url })).toBeDefined();
  });
});

describe("in production", () => {
  it.each([
    ["SUPABASE_URL", "http://supabase.internal:8000"],
    ["SUPABASE_REALTIME_URL", "ws://supabase.internal/realtime/v1"],
    ["TINYFISH_API_URL", "http://tinyfish.internal"],
  ])("%s may not send keys unencrypted to another machine", (name, url) => {
    expect(issueOf(name, { ...production, [name]: url })?.problem).toContain("unencrypted");
    expect(issueOf(name, { [name]: url })).toBeUndefined();
  });

  it("plain http to this very machine is fine", () => {
    for (const url of ["http://localhost:54321", "http://127.0.0.1:54321", "http://[::1]:54321"])
      expect(issueOf("SUPABASE_URL", { ...production, SUPABASE_URL: url })).toBeUndefined();
  });
});

describe("TinyFish", () => {
  it("accepts the plan's host with a warning, without its /v1", () => {
    const env = { TINYFISH_API_URL: "https://api.tinyfish.io/v1/" };
    expect(load(env).tinyfish).toMatchObject({ apiUrl: "https://api.tinyfish.io", usesOfficialHosts: false });
    expect(warningsOf(env, "TINYFISH_API_URL")[0]).toContain("TINYFISH_URL_LEGACY");
  });

  it("knows when its hosts are replaced", () => {
    expect(load({ TINYFISH_API_URL: "http://127.0.0.1:4000" }).tinyfish.usesOfficialHosts).toBe(false);
    expect(load({ TINYFISH_API_URL: "https://agent.tinyfish.ai/v1" }).tinyfish.usesOfficialHosts).toBe(true);
  });
});

describe("the process", () => {
  it("refuses one port for two servers, but two free ones are fine", () => {
    expect(issueOf("METRICS_PORT", { PORT: "9090", METRICS_PORT: "9090" })?.problem).toBe("is the same as PORT");
    expect(issueOf("METRICS_PORT", { PORT: "0", METRICS_PORT: "0" })).toBeUndefined();
  });

  it("refuses access tokens that outlive their refresh tokens", () => {
    expect(issueOf("JWT_EXPIRY", { JWT_EXPIRY: "2d", JWT_REFRESH_EXPIRY: "1d" })).toBeDefined();
    const env = { SUPABASE_ACCESS_TOKEN_EXPIRY: "2d", SUPABASE_REFRESH_TOKEN_EXPIRY: "1d" };
    expect(warningsOf(env, "SUPABASE_ACCESS_TOKEN_EXPIRY")).toHaveLength(1);
  });

  it("warns of statements that may run longer than calls", () => {
    expect(warningsOf({ QUERY_TIMEOUT: "60s" }, "QUERY_TIMEOUT")).toHaveLength(1);
    expect(warningsOf({ QUERY_TIMEOUT: "60s", REQUEST_TIMEOUT: "2m" }, "QUERY_TIMEOUT")).toEqual([]);
  });
});

describe("unknown names", () => {
  it.each([
    ["NEON_POOLSIZE", "NEON_POOL_SIZE"],
    ["NEON_CONECTION_STRING", "NEON_CONNECTION_STRING"],
    ["REQEST_TIMEOUT", "REQUEST_TIMEOUT"],
    ["SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SERVICE_KEY"],
    ["ENABLE_WEBHOOK", "ENABLE_WEBHOOKS"],
    ["neon_pool_size", "NEON_POOL_SIZE"],
    ["TINYFISH_API_KEY_FLIE", "TINYFISH_API_KEY_FILE"],
  ])("%s is answered with %s", (name, suggestion) => {
    expect(warningsOf({ [name]: "5" }, name)[0]).toContain(`did you mean ${suggestion}?`);
  });

  it("under our prefixes are pointed out even when nothing is near", () => {
    expect(warningsOf({ CACHE_WIBBLE_WOBBLE: "1" }, "CACHE_WIBBLE_WOBBLE")[0]).toContain(".env.example");
  });

  it("of others are left alone", () => {
    const env = {
      HOST: "0.0.0.0",
      PATH: "/bin",
      SHELL: "sh",
      OLLAMA_HOST: "x",
      OLLAMA_KEEP_ALIVE: "5m",
      SUPABASE_DB_URL: "x",
      HOME: "/",
      PWD: "/",
    };
    expect(load(env).warnings).toEqual([]);
  });
});
