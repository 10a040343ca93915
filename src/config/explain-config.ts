import { type Env, sourceOf } from "./env.ts";
import { evaluate } from "./evaluate.ts";
import { type Reading, variablesOf } from "./read-setting.ts";
import { defaultOf, type Environment, profileOf } from "./setting.ts";

/** One setting, explained to people. Secrets are redacted. */
export interface ExplainedSetting {
  readonly name: string;
  readonly area: string;
  /** As text; `[secret]` for a secret, `not set` without value and default. */
  readonly value: string;
  /** A file's name, `environment`, `default`, `profile default (staging)` or `not set`; the variable in brackets if it is not `name`. */
  readonly source: string;
  readonly description: string;
  /** What counts if the host sets nothing, as the variable would be written. */
  readonly default?: string;
  readonly problem?: string;
}

/** Says of every setting what it is, where that comes from and what is wrong with it. Works on any environment. */
export function explainConfig(env: Env): ExplainedSetting[] {
  const { readings, issues, environment } = evaluate(env);
  return readings.map((reading) => {
    const { setting, path, shown } = reading;
    const variables = variablesOf(setting);
    const problem = issues
      .filter((issue) => variables.includes(issue.name))
      .map((issue) => `${issue.problem}; ${issue.hint}`)
      .join("; ");
    const fallback = defaultOf(setting, environment).text;
    return {
      name: setting.name,
      area: path[0] ?? "",
      value: shown,
      source: describeSource(reading, env, environment),
      description: setting.description,
      ...(fallback !== undefined && { default: fallback }),
      ...(problem !== "" && { problem }),
    };
  });
}

function describeSource({ origin, variable, setting }: Reading, env: Env, environment: Environment): string {
  switch (origin) {
    case "host":
      return sourceOf(env, variable) + (variable === setting.name ? "" : ` (${variable})`);
    case "profile":
      return `profile default (${profileOf(environment)})`;
    case "default":
      return "default";
    case "none":
      return "not set";
  }
}
