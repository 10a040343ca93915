import { type Config, loadConfig, loadEnv } from "../config/index.ts";
import { ConfigError, silentLogger } from "../core/index.ts";
import { type HealthReport } from "../monitoring/index.ts";
import { readArguments } from "./arguments.ts";
import { table } from "./table.ts";

const usage = `Usage: enhanced-integration doctor [--json]
Checks the settings and asks every service how it is. Exits with 1 if the settings are wrong or a service that cannot
be done without is down.`;

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
  const { warnings, features } = config;
  if (read.values.json) console.log(JSON.stringify({ issues: [], warnings, features, health }));
  else console.log(report(config, health));
  return health.status === "down" ? 1 : 0;
}

function report({ warnings, features }: Config, health: HealthReport): string {
  const sections = [["Settings: valid", ...warnings.map(({ name, message }) => `  ! ${name}: ${message}`)].join("\n")];
  const checks = Object.entries(health.checks).map(([name, { status, durationMs = 0, message = "" }]) => [
    `  ${status === "up" ? "✓" : status === "degraded" ? "!" : "✗"} ${name}`,
    status,
    `${durationMs.toFixed(1)} ms`,
    message,
  ]);
  if (checks.length > 0) sections.push(`Services\n${table(checks)}`);
  const off = Object.entries(features)
    .filter(([, { enabled }]) => !enabled)
    .map(([name, { reason, variable }]) => [`  - ${name}`, reason ?? `${variable} is false`]);
  if (off.length > 0) sections.push(`Off\n${table(off)}`);
  sections.push(health.status === "up" ? "All is well." : `The integration is ${health.status}.`);
  return sections.join("\n\n");
}
