import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { ConfigError } from "../core/index.ts";

/** Variables by name: `process.env`, what {@link loadEnv} returns, or any plain record. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where each variable of a loaded environment came from. Kept beside it, so that it stays a plain record. */
const sources = new WeakMap<Env, ReadonlyMap<string, string>>();

/**
 * Layers `.env`, `.env.<NODE_ENV>`, `.env.local` and the process environment; later ones win, and an empty value
 * unsets what an earlier one said. Files that do not exist are skipped; the process environment is not changed.
 *
 * @param folder where the files are. @defaultValue the working folder
 * @throws ConfigError CONFIG_INVALID if a file exists but cannot be read
 * @example
 * const integration = createIntegration(loadEnv());
 */
export function loadEnv(folder: string = process.cwd(), processEnv: Env = process.env): Env {
  const base = readEnvFile(folder, ".env");
  const local = readEnvFile(folder, ".env.local");
  const word = processEnv["NODE_ENV"] || local["NODE_ENV"] || base["NODE_ENV"] || "development";
  const environment = word.trim().toLowerCase();
  const profile = `.env.${environment}`;
  const layers: readonly (readonly [string, Env])[] = [
    [".env", base],
    // An environment named "local" or a path would read another file than it says.
    [profile, /^[a-z]+$/.test(environment) && environment !== "local" ? readEnvFile(folder, profile) : {}],
    [".env.local", local],
    ["environment", processEnv],
  ];
  const env: Record<string, string | undefined> = {};
  const origins = new Map<string, string>();
  for (const [source, layer] of layers)
    for (const [name, value] of Object.entries(layer)) {
      env[name] = value;
      origins.set(name, source);
    }
  sources.set(env, origins);
  return env;
}

/** The file a variable came from, or `environment`. */
export function sourceOf(env: Env, name: string): string {
  return sources.get(env)?.get(name) ?? "environment";
}

function readEnvFile(folder: string, file: string): Env {
  try {
    return parseEnv(readFileSync(join(folder, file), "utf8"));
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ENOENT") return {};
    const hint = "make it a readable text file, or remove it";
    throw new ConfigError([{ name: file, problem: `cannot be read (${String(code)})`, hint }]);
  }
}
