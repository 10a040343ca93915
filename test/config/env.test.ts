import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { explainConfig, loadEnv } from "../../src/config/index.ts";
import { minimalEnv } from "./minimal-env.ts";

describe("loadEnv", () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "env-"))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);

  it("layers the files under the process environment", () => {
    write(".env", "A=base\nB=base\nC=base\nD=base\n");
    write(".env.staging", "B=staging\nC=staging\nD=staging\n");
    write(".env.production", "B=production\n");
    write(".env.local", "C=local\nD=local\n");
    const env = loadEnv(folder, { NODE_ENV: "staging", D: "process" });
    expect(env).toEqual({ NODE_ENV: "staging", A: "base", B: "staging", C: "local", D: "process" });
  });

  it("finds NODE_ENV in the files too, and development without one", () => {
    write(".env", "NODE_ENV=production\n");
    write(".env.production", "A=production\n");
    expect(loadEnv(folder, {})).toMatchObject({ NODE_ENV: "production", A: "production" });
    rmSync(join(folder, ".env"));
    write(".env.development", "A=development\n");
    expect(loadEnv(folder, {})).toMatchObject({ A: "development" });
  });

  it("reads comments and quotes as dotenv files have them", () => {
    write(".env", 'BACKUP_SCHEDULE=0 2 * * *  # Daily at 2 AM\nAPP_NAME="Name # one"\n# X=1\n');
    expect(loadEnv(folder, {})).toEqual({ BACKUP_SCHEDULE: "0 2 * * *", APP_NAME: "Name # one" });
  });

  it("lets an empty value unset a lower layer's", () => {
    write(".env", "LOG_LEVEL=error\n");
    const level = explainConfig(loadEnv(folder, { LOG_LEVEL: "" })).find(({ name }) => name === "LOG_LEVEL");
    expect(level?.value).toBe("debug");
  });

  it("works in a folder without files, and never reads a file outside the convention", () => {
    write("secrets", "A=1\n");
    expect(loadEnv(folder, { NODE_ENV: "/../secrets" })).toEqual({ NODE_ENV: "/../secrets" });
  });

  it("says which file cannot be read", () => {
    mkdirSync(join(folder, ".env"));
    expect(() => loadEnv(folder, {})).toThrow(/\.env: cannot be read \(EISDIR\)/);
  });

  it("remembers where each variable came from, beside a plain record", () => {
    write(".env", "APP_NAME=base\nPORT=1\n");
    write(".env.staging", "PORT=2\n");
    write(".env.local", "LOG_FORMAT=pretty\n");
    const env = loadEnv(folder, { ...minimalEnv, NODE_ENV: "staging" });
    const sources = new Map(explainConfig(env).map(({ name, source }) => [name, source]));
    const of = (...names: string[]) => names.map((name) => sources.get(name));
    expect(of("APP_NAME", "PORT", "LOG_FORMAT")).toEqual([".env", ".env.staging", ".env.local"]);
    expect(of("NEON_CONNECTION_STRING")).toEqual(["environment"]);
    expect(of("RATE_LIMIT_SEARCH_REQUESTS", "NEON_POOL_SIZE", "TINYFISH_API_KEY")).toEqual([
      "profile default (staging)",
      "default",
      "not set",
    ]);
    expect(Object.keys({ ...env })).not.toContain("sources");
  });
});
