import { type ConfigIssue } from "../core/index.ts";
import { type Config } from "./config.ts";
import { type Env } from "./env.ts";
import { decideFeatures } from "./features.ts";
import { type Reading, readSetting } from "./read-setting.ts";
import { Report } from "./report.ts";
import { type RuleContext } from "./rules/context.ts";
import { completeNeon } from "./rules/neon.ts";
import { checkProcess } from "./rules/process.ts";
import { completeSupabase } from "./rules/supabase.ts";
import { completeTinyfish } from "./rules/tinyfish.ts";
import { type Environment, environments, type Values } from "./setting.ts";
import { allSettings, type settings } from "./settings/index.ts";
import { warnOfUnknownNames } from "./unknown-names.ts";

/** Everything there is to say about an environment. The config is only good if there are no issues. */
export interface Evaluation {
  readonly config: Config;
  readonly issues: readonly ConfigIssue[];
  readonly readings: readonly Reading[];
  readonly environment: Environment;
}

/** Reads every setting, applies the rules between them and gathers every problem; throws nothing. */
export function evaluate(env: Env): Evaluation {
  const report = new Report();
  const environment = environmentOf(env);
  const readings = allSettings.map((placed) => readSetting(placed, env, environment, report));
  const values = nest(readings) as Values<typeof settings>;
  const context = contextOf(values, readings, environment, report);

  const neon = completeNeon(context);
  const supabase = completeSupabase(context);
  const tinyfish = completeTinyfish(context);
  const features = decideFeatures(context);
  checkProcess(context);
  warnOfUnknownNames(env, report);

  const config = deepFreeze({ ...values, neon, supabase, tinyfish, features, warnings: report.warnings });
  return { config, issues: report.issues, readings, environment };
}

/** A word that NODE_ENV cannot be is reported when it is read; until then it counts as the default. */
function environmentOf(env: Env): Environment {
  const word = env["NODE_ENV"]?.trim().toLowerCase();
  return environments.find((environment) => environment === word) ?? "development";
}

function contextOf(
  values: Values<typeof settings>,
  readings: readonly Reading[],
  environment: Environment,
  report: Report,
): RuleContext {
  const byName = new Map(readings.map((reading) => [reading.setting.name, reading]));
  return {
    values,
    environment,
    report,
    isSet: (name) => byName.get(name)?.origin === "host",
    valueOf: (name) => byName.get(name)?.value,
    expects: (name) => byName.get(name)?.setting.kind.expects ?? "a value",
  };
}

/** Puts every value at its path. */
function nest(readings: readonly Reading[]): unknown {
  const root: Record<string, unknown> = {};
  for (const { path, value } of readings) {
    let node = root;
    for (const member of path.slice(0, -1)) node = (node[member] ??= {}) as Record<string, unknown>;
    node[path.at(-1) ?? ""] = value;
  }
  return root;
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value))
    if (typeof member === "object" && member !== null && !Object.isFrozen(member)) deepFreeze(member as object);
  return Object.freeze(value);
}
