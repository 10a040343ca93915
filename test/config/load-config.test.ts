import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { describe, expect, expectTypeOf, it } from "vitest";
import { ConfigError, Secret } from "../../src/core/index.ts";
import { type Config, loadConfig } from "../../src/config/index.ts";
import { issueOf, issuesOf, load, minimalEnv } from "./minimal-env.ts";

describe("defaults and profiles", () => {
  it("needs three variables and gives everything else a default", () => {
    const config = load();
    expect(config.app.environment).toBe("development");
    expect(config.neon).toMatchObject({ poolSize: 20, maxConnections: 100, idleTimeoutMs: 30_000, transport: "auto" });
    expect(config.ollama).toMatchObject({
      baseUrl: "http://127.0.0.1:11434",
      defaultModel: "llama3.2",
      embedModel: "nomic-embed-text",
    });
    expect(config.tinyfish).toMatchObject({ apiUrl: "https://agent.tinyfish.ai", usesOfficialHosts: true });
    expect(config.calls).toEqual({ concurrentRequests: 100, requestTimeoutMs: 30_000 });
    expect(config.warnings).toEqual([]);
  });

  it.each([
    ["development", "debug", true, 1_000, 500, 2_000],
    ["test", "debug", true, 1_000, 500, 2_000],
    ["staging", "info", false, 200, 100, 400],
    ["production", "info", false, 100, 50, 200],
  ] as const)("has the plan's profile for %s", (environment, level, debug, scraping, analysis, search) => {
    const config = load({ NODE_ENV: environment, SUPABASE_URL: "https://abc.supabase.co" });
    expect(config.logging.level).toBe(level);
    expect(config.debug.enabled).toBe(debug);
    expect(config.limits.scraping).toEqual({ requests: scraping, windowMs: 60_000, burst: 10 });
    expect(config.limits.analysis).toEqual({ requests: analysis, windowMs: 60_000, burst: 5 });
    expect(config.limits.search).toEqual({ requests: search, windowMs: 60_000, burst: 20 });
    expect(config.limits.upload).toEqual({ requests: 20, windowMs: 60_000, burst: 5 });
    expect(config.limits.auth).toEqual({ requests: 100, windowMs: 60_000, burst: 10 });
  });

  it("lets a variable win over its profile, and an empty one count as not set", () => {
    expect(load({ LOG_LEVEL: "WARN" }).logging.level).toBe("warn");
    expect(load({ LOG_LEVEL: "  " }).logging.level).toBe("debug");
    expect(load({ TINYFISH_API_KEY: "" }).tinyfish.apiKey).toBeUndefined();
  });

  it("reads durations, sizes and lists in the units that the member's name tells", () => {
    const config = load({
      NEON_IDLE_TIMEOUT: "45000",
      JWT_EXPIRY: "7200",
      JWT_REFRESH_EXPIRY: "7d",
      RATE_LIMIT_SEARCH_WINDOW: "10s",
      LOG_MAX_SIZE: "5MB",
      CORS_ORIGIN: "https://a.example.com, https://b.example.com",
      BACKUP_SCHEDULE: "0 4 * * 1",
    });
    expect(config.neon.idleTimeoutMs).toBe(45_000);
    expect(config.security).toMatchObject({ jwtExpirySeconds: 7_200, jwtRefreshExpirySeconds: 604_800 });
    expect(config.limits.search.windowMs).toBe(10_000);
    expect(config.logging.maxBytes).toBe(5_000_000);
    expect(config.server.corsOrigins).toEqual(["https://a.example.com", "https://b.example.com"]);
    expect(config.backup.schedule).toEqual({ frequency: "weekly", hour: 4, day: 1 });
  });

  it("is frozen to the bottom", () => {
    const config = load({ SESSION_SECRET: `${"k1-".repeat(12)},${"k2-".repeat(12)}` });
    const parts: unknown[] = [config];
    for (const part of parts) {
      if (typeof part !== "object" || part === null || part instanceof Secret) continue;
      expect(Object.isFrozen(part)).toBe(true);
      parts.push(...Object.values(part));
    }
    expect(parts.length).toBeGreaterThan(150);
  });

  it("depends on nothing but its argument", () => {
    expect(loadConfig(minimalEnv)).toEqual(loadConfig({ ...minimalEnv }));
    expect(process.env["NEON_CONNECTION_STRING"]).toBeUndefined();
  });
});

describe("problems", () => {
  it("come all at once, each with name, problem and hint", () => {
    const issues = issuesOf({
      ...minimalEnv,
      NODE_ENV: "prod",
      PORT: "http",
      NEON_IDLE_TIMEOUT: "never",
      RATE_LIMIT_AUTH_WINDOW: "0m",
      OLLAMA_TEMPERATURE: "9",
      JWT_SECRET: "short",
      BACKUP_SCHEDULE: "*/5 * * * *",
    });
    expect(issues.map((issue) => issue.name).sort()).toEqual([
      "BACKUP_SCHEDULE",
      "JWT_SECRET",
      "NEON_IDLE_TIMEOUT",
      "NODE_ENV",
      "OLLAMA_TEMPERATURE",
      "PORT",
      "RATE_LIMIT_AUTH_WINDOW",
    ]);
    for (const issue of issues) expect([issue.problem, issue.hint].every((text) => text.length > 5)).toBe(true);
  });

  it("are one ConfigError whose message names every variable", () => {
    const attempt = () => loadConfig({ PORT: "x" });
    expect(attempt).toThrow(ConfigError);
    expect(attempt).toThrow(/CONNECTION_STRING[^]*SUPABASE_URL|PORT[^]*NEON_CONNECTION_STRING/);
  });

  it("show what was received where that is harmless, and hide what looks like a misplaced secret", () => {
    expect(issueOf("PORT", { PORT: "http" })?.problem).toContain('"http"');
    expect(issueOf("PORT", { PORT: "sk-live-123456" })?.problem).toContain("[hidden]");
    expect(issueOf("SUPABASE_URL", { SUPABASE_URL: "postgres://u:p@h/d" })?.problem).toContain("[hidden]");
  });
});

describe("what is required", () => {
  it("names the switches that need a missing variable", () => {
    const issues = issuesOf({});
    expect(issues.map((issue) => issue.name).sort()).toEqual([
      "NEON_CONNECTION_STRING",
      "SUPABASE_ANON_KEY",
      "SUPABASE_URL",
    ]);
    expect(issues[0]?.problem).toContain("ENABLE_PERSISTENT_STORAGE");
    expect(issues[0]?.hint).toContain("ENABLE_PERSISTENT_STORAGE=false");
  });

  it("shrinks to nothing when those switches are off", () => {
    const config = loadConfig({
      ENABLE_PERSISTENT_STORAGE: "false",
      ENABLE_USER_AUTHENTICATION: "false",
      ENABLE_FILE_STORAGE: "false",
      ENABLE_REALTIME_COLLABORATION: "false",
    });
    expect(config.features.userAuthentication).toEqual({
      enabled: false,
      reason: "ENABLE_USER_AUTHENTICATION is false",
      variable: "ENABLE_USER_AUTHENTICATION",
    });
    expect(config.features.vectorSearch).toMatchObject({ enabled: false, reason: "NEON_CONNECTION_STRING not set" });
    expect(config.neon.connection).toBeUndefined();
  });

  it("keeps Supabase required while one of its three switches is on", () => {
    const off = { ENABLE_USER_AUTHENTICATION: "false", ENABLE_REALTIME_COLLABORATION: "false" };
    const { NEON_CONNECTION_STRING } = minimalEnv;
    expect(issuesOf({ NEON_CONNECTION_STRING, ...off }).map((issue) => issue.name)).toEqual([
      "SUPABASE_URL",
      "SUPABASE_ANON_KEY",
    ]);
    expect(issuesOf({ NEON_CONNECTION_STRING, ...off, ENABLE_FILE_STORAGE: "false" })).toEqual([]);
  });
});

describe("features", () => {
  it("are on when their variables are there and off with a reason when not", () => {
    const bare = load().features;
    expect(bare.scraping).toEqual({
      enabled: false,
      reason: "TINYFISH_API_KEY not set",
      variable: "TINYFISH_API_KEY",
    });
    expect(bare.backup).toMatchObject({ enabled: false, reason: "NEON_PROJECT_ID and NEON_API_KEY not set" });
    expect(bare.webhooks).toMatchObject({ enabled: false, reason: "WEBHOOK_SECRET not set" });
    expect(bare.persistentStorage).toEqual({ enabled: true, variable: "ENABLE_PERSISTENT_STORAGE" });
    const full = load({
      TINYFISH_API_KEY: "tf-key-0123",
      NEON_PROJECT_ID: "quiet-river-12345678",
      NEON_API_KEY: "napi_0123456789",
      WEBHOOK_SECRET: "w".repeat(16) + "v".repeat(16),
    }).features;
    for (const name of ["scraping", "backup", "pointInTimeRecovery", "neonAdmin", "webhooks"] as const)
      expect(full[name].enabled).toBe(true);
  });

  it("are an error when the host switched them on by name and their variables are missing", () => {
    expect(issueOf("WEBHOOK_SECRET", { ENABLE_WEBHOOKS: "true" })?.problem).toContain("ENABLE_WEBHOOKS");
    const issue = issueOf("NEON_API_KEY", { BACKUP_ENABLED: "true", POINT_IN_TIME_RECOVERY: "true" });
    expect(issue?.problem).toContain("BACKUP_ENABLED and POINT_IN_TIME_RECOVERY");
    expect(issueOf("WEBHOOK_SECRET", { ENABLE_WEBHOOKS: "false" })).toBeUndefined();
  });

  it("warn when only half of what they need is there", () => {
    const { features, warnings } = load({ SENDGRID_API_KEY: "SG.0123456789" });
    expect(features.email).toMatchObject({ enabled: false, reason: "SENDGRID_FROM_EMAIL not set" });
    expect(warnings).toContainEqual({
      name: "SENDGRID_FROM_EMAIL",
      message: "is not set, so SENDGRID_API_KEY has no effect",
    });
  });
});

describe("the plan's production environment", () => {
  const plan = parseEnv(readFileSync(new URL("./fixtures/plan-production.env", import.meta.url), "utf8"));

  it("loads with everything on once its placeholders are filled in, warning of what is out of date", () => {
    const config = loadConfig(plan);
    const off = Object.entries(config.features).filter(([, { enabled }]) => !enabled);
    expect(off.map(([name]) => name)).toEqual(["redis"]);
    expect(config.warnings.map(({ name }) => name).sort()).toEqual([
      "NEON_DIRECT_CONNECTION_STRING",
      "TINYFISH_API_URL",
    ]);
    expect(config.neon.connection).toMatchObject({ database: "reengine_production", isPooler: true });
    expect(config.limits.upload).toEqual({ requests: 20, windowMs: 60_000, burst: 5 });
    expect(config.ollama).toMatchObject({ baseUrl: "http://localhost:11434", memoryBudgetBytes: 40_000_000_000 });
    expect(config.metrics).toEqual({
      enabled: true,
      prometheus: true,
      host: "127.0.0.1",
      port: 9_090,
      path: "/metrics",
    });
  });
});

describe("the config's type", () => {
  it("knows which members may be missing", () => {
    expectTypeOf<Config["neon"]["poolSize"]>().toEqualTypeOf<number>();
    expectTypeOf<Config["neon"]["apiKey"]>().toEqualTypeOf<Secret | undefined>();
    expectTypeOf<Config["neon"]["transport"]>().toEqualTypeOf<"auto" | "websocket" | "http" | "tcp">();
    expectTypeOf<Config["limits"]["search"]["windowMs"]>().toEqualTypeOf<number>();
    expectTypeOf<Config["server"]["corsOrigins"]>().toEqualTypeOf<readonly string[]>();
    expectTypeOf<Config["security"]["jwtSecrets"]>().toEqualTypeOf<readonly Secret[] | undefined>();
  });
});
