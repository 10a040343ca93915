import { ConfigError, type ConfigIssue } from "../../src/core/index.ts";
import { type Config, type Env, loadConfig } from "../../src/config/index.ts";

/** Exactly what is required, nothing more. */
export const minimalEnv = {
  NEON_CONNECTION_STRING: "postgresql://app:s3cr3t-p4ss@localhost:5432/reengine_dev",
  SUPABASE_URL: "http://localhost:54321",
  SUPABASE_ANON_KEY: "sb_publishable_0123456789",
} as const satisfies Env;

export const load = (env: Env = {}): Config => loadConfig({ ...minimalEnv, ...env });

/** What is wrong with an environment; empty if nothing is. */
export function issuesOf(env: Env): readonly ConfigIssue[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
}

/** The issue of one variable on top of the minimal environment. */
export function issueOf(name: string, env: Env): ConfigIssue | undefined {
  return issuesOf({ ...minimalEnv, ...env }).find((issue) => issue.name === name);
}

export const warningsOf = (env: Env, name: string): string[] =>
  load(env)
    .warnings.filter((warning) => warning.name === name)
    .map((warning) => warning.message);
