import { parseArgs } from "node:util";
import { loadConfig, loadEnv } from "../config/index.ts";
import { createIntegration } from "../integration.ts";
import { table } from "./table.ts";

const usage = `Usage: enhanced-integration doctor [--json]
Checks the settings and asks every service how it is. Exits with 1 if something critical is down.`;

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { help: { type: "boolean" }, json: { type: "boolean" } } });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const env = loadEnv();
  const config = loadConfig(env);
  await using integration = createIntegration(env, { logTo: "stderr" });
  const health = await integration.health();
  const off = Object.entries(config.features).filter(([, feature]) => !feature.enabled);
  if (values.json) {
    console.log(JSON.stringify({ warnings: config.warnings, features: config.features, health }));
  } else {
    console.log("Settings: valid");
    for (const { name, message } of config.warnings) console.log(`  ! ${name}: ${message}`);
    console.log("\nServices");
    console.log(
      table(
        Object.entries(health.checks).map(([name, check]) => [
          `  ${check.status === "up" ? "✓" : "✗"} ${name}`,
          check.status,
          `${Math.round(check.durationMs ?? 0)} ms`,
          check.message ?? "",
        ]),
      ),
    );
    if (off.length > 0) {
      console.log("\nOff");
      console.log(
        table(off.map(([name, feature]) => [`  - ${name}`, feature.reason ?? `${feature.variable} is false`])),
      );
    }
    console.log(`\n${health.status === "up" ? "All is well." : `The integration is ${health.status}.`}`);
  }
  return health.status === "down" ? 1 : 0;
}
