import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { describe, expect, it } from "vitest";
import { explainConfig, loadConfig, renderEnvExample } from "../../src/config/index.ts";
import { defaultOf, environments } from "../../src/config/setting.ts";
import { allSettings, settings } from "../../src/config/settings/index.ts";
import { featureRules } from "../../src/config/features.ts";
import { minimalEnv } from "./minimal-env.ts";

const text = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
const explained = (name: string, env: Record<string, string>) =>
  explainConfig({ ...minimalEnv, ...env }).find((entry) => entry.name === name);

describe("explainConfig", () => {
  it("says value, source, default and meaning of every setting", () => {
    expect(explained("RATE_LIMIT_SEARCH_WINDOW", { RATE_LIMIT_SEARCH_WINDOW: "90000" })).toEqual({
      name: "RATE_LIMIT_SEARCH_WINDOW",
      area: "limits",
      value: "90s",
      source: "environment",
      description: expect.any(String),
      default: "1m",
    });
    expect(explainConfig({})).toHaveLength(allSettings.length);
  });

  it("redacts secrets and says what may be said of a connection", () => {
    expect(explained("NEON_CONNECTION_STRING", {})?.value).toBe("[secret] (app at localhost:5432/reengine_dev)");
    expect(explained("SUPABASE_ANON_KEY", {})?.value).toBe("[secret]");
    const webhook = { WEBHOOK_MARKET_ALERT: "https://hooks.example.com/in?token=abc" };
    expect(explained("WEBHOOK_MARKET_ALERT", webhook)?.value).toBe("https://hooks.example.com/in?[hidden]");
  });

  it("names the variable where it is not the setting's own", () => {
    const env = { SUPABASE_ANON_KEY: "", SUPABASE_PUBLISHABLE_KEY: "sb_publishable_abc" };
    expect(explained("SUPABASE_ANON_KEY", env)?.source).toBe("environment (SUPABASE_PUBLISHABLE_KEY)");
  });

  it("works on a broken environment and shows each problem at its setting", () => {
    const env = { PORT: "http", JWT_SECRET: "short", NEON_POOL_SIZE: "200" };
    expect(explained("PORT", env)).toMatchObject({ value: '"http"', problem: expect.stringContaining("whole number") });
    expect(explained("JWT_SECRET", env)).toMatchObject({ value: "[secret]", problem: expect.stringContaining("32") });
    expect(explained("NEON_POOL_SIZE", env)).toMatchObject({ value: "200", problem: expect.stringContaining("above") });
    expect(explained("NEON_POOL_SIZE", {})).not.toHaveProperty("problem");
  });

  it("calls the profile of tests by the name of the one it follows", () => {
    expect(explained("LOG_LEVEL", { NODE_ENV: "test" })?.source).toBe("profile default (development)");
  });
});

describe("the table of settings", () => {
  const names = allSettings.map(({ setting }) => setting.name);

  it("has every variable of the plan, and the added ones", () => {
    const plan = text("./fixtures/plan-variables.txt").trim().split("\n");
    expect(plan.length).toBeGreaterThan(100);
    expect(plan.filter((name) => !names.includes(name))).toEqual([]);
    const aliases = allSettings.flatMap(({ setting }) => setting.alias ?? []);
    expect([...names, ...aliases].filter((name) => !plan.includes(name)).sort()).toEqual([
      "METRICS_HOST",
      "METRICS_SERIES_TTL",
      "NEON_API_URL",
      "NEON_DIRECT_CONNECTION_STRING",
      "NEON_REPLICA_CONNECTION_STRING",
      "NEON_TRANSPORT",
      "OLLAMA_EMBED_MODEL",
      "REDIS_URL",
      "SUPABASE_JWKS",
      "SUPABASE_JWKS_URL",
      "SUPABASE_PUBLISHABLE_KEY",
      "SUPABASE_SECRET_KEY",
      "TINYFISH_DAILY_BUDGET_USD",
      "TINYFISH_MAX_CONCURRENT_RUNS",
    ]);
  });

  it("names each variable once", () => {
    expect(new Set(names).size).toBe(names.length);
  });

  it("has defaults that its own parsers accept, in every environment", () => {
    for (const { setting } of allSettings)
      for (const environment of environments) {
        const { text: fallback } = defaultOf(setting, environment);
        if (fallback !== undefined)
          expect([setting.name, setting.kind.parse(fallback).ok]).toEqual([setting.name, true]);
      }
  });

  it("describes each setting in a sentence", () => {
    for (const { setting } of allSettings) expect(setting.description).toMatch(/^[A-Z].{15,}\.$/);
  });

  it("knows every variable that a feature names, and a feature for each switch", () => {
    for (const { variable, needs } of Object.values(featureRules))
      for (const name of [variable, ...needs]) expect(names).toContain(name);
    expect(Object.keys(featureRules)).toEqual(expect.arrayContaining(Object.keys(settings.features)));
  });

  it("gives each setting its own place in the config", () => {
    const config = loadConfig(minimalEnv);
    for (const { path } of allSettings) {
      const parent = path.slice(0, -1).reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], config);
      expect(parent).toHaveProperty(path.at(-1)!);
    }
  });
});

describe(".env.example", () => {
  const uncommented = parseEnv(renderEnvExample().replace(/^# (?=[A-Z_]+=)/gm, ""));

  it("is what the table renders (if not: write renderEnvExample() into it)", () => {
    expect(text("../../.env.example")).toBe(renderEnvExample());
  });

  it("lists every setting, and changes nothing as it is", () => {
    expect(Object.keys(uncommented).sort()).toEqual(allSettings.map(({ setting }) => setting.name).sort());
    expect(parseEnv(renderEnvExample())).toEqual({});
  });

  it("leaves secrets empty", () => {
    for (const { setting } of allSettings) if (setting.kind.sensitive) expect(uncommented[setting.name]).toBe("");
  });
});
