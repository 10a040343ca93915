import { type Config, type Env, explainConfig, loadConfig, loadEnv } from "../config/index.ts";
import { ConfigError, describeThrown, silentLogger } from "../core/index.ts";
import { type Integration } from "../integration.ts";
import { type HealthReport } from "../monitoring/index.ts";
import { readArguments } from "./arguments.ts";
import { table } from "./table.ts";

const usage = `Usage: enhanced-integration doctor [--json]
Checks the settings, asks every service how it is, and says which migrations the database lacks. Exits with 1 if the
settings are wrong or a service that cannot be done without is down.`;

/** The variable that says where a service is. */
const addresses: Readonly<Record<string, string>> = {
  neon: "NEON_CONNECTION_STRING",
  supabase: "SUPABASE_URL",
  tinyfish: "TINYFISH_API_URL",
  ollama: "OLLAMA_BASE_URL",
  redis: "REDIS_URL",
};

/** Undefined: the database is off or away. */
type Schema = { readonly pending: readonly string[] } | { readonly problem: string } | undefined;

export async function run(args: readonly string[]): Promise<number> {
  const read = readArguments(args, usage, { json: { type: "boolean" } });
  if (!read) return 0;
  const env = loadEnv();
  let config: Config;
  try {
    config = loadConfig(env);
  } catch (error) {
    if (!read.values.json || !(error instanceof ConfigError)) throw error;
    console.log(JSON.stringify({ issues: error.issues }));
    return 1;
  }
  // What goes wrong is in the report; the log would only tell it twice.
  const { createIntegration } = await import("../integration.ts");
  await using integration = createIntegration(env, { logger: silentLogger });
  const health = await integration.health();
  const schema = health.checks["neon"]?.status === "up" ? await schemaOf(integration) : undefined;
  const { warnings, features } = config;
  if (read.values.json) console.log(JSON.stringify({ issues: [], warnings, features, health, schema }));
  else console.log(report(env, config, health, schema));
  return health.status === "down" ? 1 : 0;
}

async function schemaOf({ neon }: Integration): Promise<Schema> {
  try {
    return { pending: (await neon.migrate({ dryRun: true })).applied };
  } catch (error) {
    return { problem: describeThrown(error) };
  }
}

function report(env: Env, { warnings, features }: Config, health: HealthReport, schema: Schema): string {
  const sections = [["Settings: valid", ...warnings.map(({ name, message }) => `  ! ${name}: ${message}`)].join("\n")];
  const checks = Object.entries(health.checks).map(([name, { status, durationMs = 0, message = "" }]) => [
    `  ${status === "up" ? "✓" : status === "degraded" ? "!" : "✗"} ${name}`,
    status,
    `${durationMs.toFixed(1)} ms`,
    message,
  ]);
  if (checks.length > 0) sections.push(`Services\n${table(checks)}`);
  const sick = Object.entries(health.checks).filter(([name, { status }]) => status !== "up" && name in addresses);
  if (sick.length > 0) {
    const settings = new Map(explainConfig(env).map((setting) => [setting.name, setting]));
    const places = sick.map(([name]) => {
      const { value = "", source = "" } = settings.get(addresses[name]!) ?? {};
      return [`  → ${name}`, `does it run, and is it meant? ${addresses[name]} is ${value} (${source})`];
    });
    sections.push(`Next\n${table(places)}`);
  }
  if (schema) sections.push(`Schema\n${schemaLine(schema)}`);
  const off = Object.entries(features)
    .filter(([, { enabled }]) => !enabled)
    .map(([name, { reason, variable }]) => [`  - ${name}`, reason ?? `${variable} is false`]);
  if (off.length > 0) sections.push(`Off\n${table(off)}`);
  sections.push(health.status === "up" ? "All is well." : `The integration is ${health.status}.`);
  return sections.join("\n\n");
}

function schemaLine(schema: NonNullable<Schema>): string {
  if ("problem" in schema) return `  ! ${schema.problem}`;
  const { length } = schema.pending;
  if (length === 0) return "  ✓ up to date";
  return `  ! ${length} ${length === 1 ? "migration is" : "migrations are"} missing: "enhanced-integration migrate" applies them`;
}
