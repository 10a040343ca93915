import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/core/index.ts";
import { explainConfig, loadConfig, type Env } from "../../src/config/index.ts";
import { allSettings } from "../../src/config/settings/index.ts";
import { issueOf, load, minimalEnv } from "./minimal-env.ts";

const sensitive = allSettings.map(({ setting }) => setting).filter(({ kind }) => kind.sensitive);
const names = sensitive.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]));

/** Everything that a person or a log could see of an environment. */
function visible(env: Env): string {
  const seen: unknown[] = [explainConfig(env)];
  try {
    const config = loadConfig(env);
    seen.push(config, config.warnings, Object.fromEntries(Object.entries(config)));
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { message, stack, issues, cause } = error as ConfigError;
    seen.push(error, message, stack, issues, cause);
  }
  const options = [{ depth: null }, { depth: null, showHidden: true }, { depth: null, customInspect: false }];
  return seen.flatMap((item) => [JSON.stringify(item), ...options.map((o) => inspect(item, o))]).join("\n");
}

/** Forty secrets that occur nowhere else. */
const canaries = Array.from({ length: 40 }, () => `canary${randomBytes(18).toString("hex")}`);
let next = 0;
const canary = () => canaries[next++ % canaries.length]!;

/** Valid values, each with a canary where the secret part is. */
function validEnv(): Env {
  const jwt = (payload: string) => `${canary()}.${payload}.${canary()}`;
  const values: Record<string, string> = {
    NEON_CONNECTION_STRING: `postgresql://app:${canary()}@ep-x.eu-central-1.aws.neon.tech/main`,
    NEON_DIRECT_CONNECTION_STRING: `postgresql://app:${canary()}@ep-x.eu-central-1.aws.neon.tech/main`,
    NEON_REPLICA_CONNECTION_STRING: `postgresql://app:${canary()}@ep-x.eu-central-1.aws.neon.tech/main`,
    REDIS_URL: `rediss://:${canary()}@cache.example.com:6380`,
    NEON_DATA_API_KEY: jwt("e30"),
    SUPABASE_JWKS: JSON.stringify({ keys: [{ kty: "EC", kid: "one" }] }),
    SESSION_SECRET: `${canary()},${canary()}`,
  };
  const secrets = Object.fromEntries(sensitive.map(({ name }) => [name, values[name] ?? canary()]));
  return {
    SUPABASE_URL: "https://abc.supabase.co",
    NEON_PROJECT_ID: "quiet-river-1",
    SENDGRID_FROM_EMAIL: "a@b.co",
    ...secrets,
  };
}

const malformed: readonly ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => secret.slice(0, 7),
  (secret) => `your-${secret}`,
  (secret) => `${secret} ${secret}`,
  (secret) => `${secret}\n`,
  (secret) => `ü${secret}`,
  (secret) => `changeme,${secret}`,
  (secret) => `postgresql://${secret}`,
  (secret) => `postgresql://${secret}@`,
  (secret) => `postgresql://app:${secret}@host:port/db`,
  (secret) => `postgresql://app:12/${secret}@host/db`,
  (secret) => `postgresql://app:12/${secret}@host`,
  (secret) => `postgresql://app:12?${secret}@host/db`,
  (secret) => `postgresql://app:${secret}%zz@host/db`,
  (secret) => `postgresql://app:${secret}@host/db/x`,
  (secret) => `postgresql://app:${secret}@ep-x-pooler.neon.tech`,
  (secret) => `mysql://app:${secret}@host/db`,
  (secret) => `redis://:12/${secret}@host`,
  (secret) => `https://app:${secret}@host`,
  (secret) => `{"keys":[{"kty":"oct","k":"${secret}"}]}`,
  (secret) => `{"keys":["${secret}"`,
  (secret) => `sb_secret_${secret}`,
  (secret) => `sb_publishable_${secret}`,
];

describe("no secret is ever visible", () => {
  it("in the config, its explanation or its warnings when everything is valid", () => {
    const env = validEnv();
    expect(() => loadConfig(env)).not.toThrow();
    const text = visible({ ...env, NEON_API_KEYS: canary(), UNKNOWN: canary() });
    for (const secret of canaries) expect(text).not.toContain(secret);
  });

  it("in errors, whatever is wrong with it and wherever it was put", () => {
    for (const deform of malformed) {
      const secret = canary();
      const everywhere = Object.fromEntries(names.map((name) => [name, deform(secret)]));
      const inFiles = Object.fromEntries(names.map((name) => [`${name}_FILE`, deform(secret)]));
      expect(visible({ ...minimalEnv, ...everywhere })).not.toContain(secret);
      expect(visible({ ...minimalEnv, ...inFiles })).not.toContain(secret);
    }
  });

  it("in errors about a URL that carries a password", () => {
    const urls = allSettings
      .map(({ setting }) => setting.name)
      .filter((name) => /URL$|^WEBHOOK_[A-Z]+_[A-Z]+$/.test(name));
    expect(urls.length).toBeGreaterThan(8);
    for (const name of urls)
      for (const shape of [`https://app:${canary()}@host`, `${canary()}@host`, `postgres://u:${canary()}@h/d`])
        expect(visible({ ...minimalEnv, [name]: shape })).not.toMatch(/canary/);
  });

  it("but is there for the code that needs it", () => {
    const env = validEnv();
    const config = loadConfig(env);
    expect(config.neon.connection?.url.reveal()).toBe(env["NEON_CONNECTION_STRING"]);
    expect(config.security.sessionSecrets?.map((secret) => secret.reveal()).join()).toBe(env["SESSION_SECRET"]);
  });
});

describe("secrets", () => {
  it.each(["JWT_SECRET", "SESSION_SECRET", "WEBHOOK_SECRET", "ENCRYPTION_KEY"])("%s needs 32 characters", (name) => {
    const text = randomBytes(16).toString("hex");
    expect(issueOf(name, { [name]: text.slice(1) })?.problem).toContain("shorter than 32");
    expect(issueOf(name, { [name]: text })).toBeUndefined();
  });

  it("of services need 8 characters that fit into a header", () => {
    expect(issueOf("TINYFISH_API_KEY", { TINYFISH_API_KEY: "1234567" })?.problem).toContain("shorter than 8");
    expect(issueOf("TINYFISH_API_KEY", { TINYFISH_API_KEY: "1234 5678" })?.problem).toContain("blanks");
    expect(issueOf("TINYFISH_API_KEY", { TINYFISH_API_KEY: "12345678" })).toBeUndefined();
  });

  it("have no defaults", () => {
    for (const setting of sensitive) expect([setting.default, setting.profiles]).toEqual([undefined, {}]);
  });

  it.each([
    ["NEON_CONNECTION_STRING", "postgresql://[user]:[password]@[neon-host]:5432/[database]?sslmode=require"],
    ["NEON_API_KEY", "your-neon-api-key"],
    ["NEON_DATA_API_KEY", "your-data-api-key"],
    ["SUPABASE_ANON_KEY", "your-supabase-anon-key"],
    ["SUPABASE_SERVICE_KEY", "your-supabase-service-key"],
    ["SUPABASE_JWT_SECRET", "your-jwt-secret"],
    ["SESSION_SECRET", "your-super-secret-session-key"],
    ["ENCRYPTION_KEY", "your-32-character-encryption-key"],
    ["JWT_SECRET", "your-jwt-secret-key"],
    ["TINYFISH_API_KEY", "your-tinyfish-api-key"],
    ["WEBHOOK_SECRET", "your-webhook-secret"],
    ["GOOGLE_MAPS_API_KEY", "your-google-maps-api-key"],
    ["SENDGRID_API_KEY", "your-sendgrid-api-key"],
    ["STRIPE_SECRET_KEY", "your-stripe-secret-key"],
    ["STRIPE_WEBHOOK_SECRET", "your-stripe-webhook-secret"],
  ])("%s refuses the plan's placeholder", (name, text) => {
    expect(issueOf(name, { [name]: text })?.problem).toBe("is still a placeholder");
  });

  it("pass with a warning where a placeholder is harmless", () => {
    const { warnings } = load({ SUPABASE_URL: "https://your-project.supabase.co" });
    expect(warnings.map((warning) => warning.name)).toEqual(["SUPABASE_URL"]);
  });
});

describe("a secret from a file", () => {
  let folder: string;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "config-"))));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (text: string) => {
    const path = join(folder, randomBytes(6).toString("hex"));
    writeFileSync(path, text);
    return path;
  };

  it("is read without its line break, for every secret and connection string", () => {
    const { NEON_CONNECTION_STRING, ...rest } = minimalEnv;
    const config = loadConfig({
      ...rest,
      NEON_CONNECTION_STRING_FILE: file(`${NEON_CONNECTION_STRING}\n`),
      TINYFISH_API_KEY_FILE: file("tf-0123456789\r\n"),
    });
    expect(config.neon.connection?.url.reveal()).toBe(NEON_CONNECTION_STRING);
    expect(config.tinyfish.apiKey?.reveal()).toBe("tf-0123456789");
    expect(config.features.scraping.enabled).toBe(true);
  });

  it("is validated like any other", () => {
    const issue = issueOf("JWT_SECRET_FILE", { JWT_SECRET_FILE: file("short") });
    expect(issue?.problem).toContain("shorter than 32");
  });

  it("is an issue when the file is missing, empty or beside the plain variable", () => {
    const missing = issueOf("JWT_SECRET_FILE", { JWT_SECRET_FILE: join(folder, "nowhere") });
    expect(missing?.problem).toBe("names a file that cannot be read (ENOENT)");
    expect(issueOf("JWT_SECRET_FILE", { JWT_SECRET_FILE: file(" \n") })?.problem).toBe("names an empty file");
    const both = { TINYFISH_API_KEY: "tf-0123456789", TINYFISH_API_KEY_FILE: file("tf-0123456789") };
    expect(issueOf("TINYFISH_API_KEY", both)?.problem).toContain("TINYFISH_API_KEY_FILE");
  });

  it("is not called missing when it was set but could not be read", () => {
    const { SUPABASE_ANON_KEY: _, ...rest } = minimalEnv;
    const env = { ...rest, SUPABASE_ANON_KEY_FILE: join(folder, "nowhere") };
    const problems = explainConfig(env).flatMap(({ name, problem }) =>
      problem === undefined ? [] : [{ name, problem }],
    );
    expect(problems).toEqual([{ name: "SUPABASE_ANON_KEY", problem: expect.stringContaining("ENOENT") }]);
  });
});
