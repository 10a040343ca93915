import { ConfigError } from "../core/index.ts";
import { type Config } from "./config.ts";
import { type Env } from "./env.ts";
import { evaluate } from "./evaluate.ts";

/**
 * Validates an environment and turns it into a typed, deeply frozen config. It reads nothing but `env` and the files
 * that `*_FILE` variables name. Secrets come out as `Secret`; no problem ever repeats one.
 *
 * @throws ConfigError CONFIG_INVALID with every problem at once
 * @example
 * const config = loadConfig(loadEnv());
 * config.neon.poolSize; // 20
 * config.features.scraping; // { enabled: false, reason: "TINYFISH_API_KEY not set", variable: "TINYFISH_API_KEY" }
 */
export function loadConfig(env: Env): Config {
  const { config, issues } = evaluate(env);
  if (issues.length > 0) throw new ConfigError(issues);
  return config;
}
