import { readFileSync } from "node:fs";
import { type Env } from "./env.ts";
import { isPlaceholder, REDACTED } from "./kinds/index.ts";
import { type Report } from "./report.ts";
import { defaultOf, type Environment, type PlacedSetting, type Setting } from "./setting.ts";

/** One setting as this environment has it. */
export interface Reading extends PlacedSetting {
  readonly origin: "host" | "default" | "profile" | "none";
  /** The variable that the host used: the setting's name, its alias, or one of them with `_FILE`. */
  readonly variable: string;
  /** The default stands in for a text that was refused, so that later checks have something to go on. */
  readonly value: unknown;
  /** The value as people may see it. */
  readonly shown: string;
}

/** Reads, parses and reports on one setting. */
export function readSetting(placed: PlacedSetting, env: Env, environment: Environment, report: Report): Reading {
  const { setting } = placed;
  const fallback = readDefault(setting, environment);
  const found = findText(setting, env, report);
  if (!found) return { ...placed, variable: setting.name, ...fallback };
  const { variable, text } = found;
  const parsed = text === undefined ? undefined : parse(setting, variable, text, report);
  const refusedText = setting.kind.sensitive ? REDACTED : showHarmless(text ?? "");
  return parsed
    ? { ...placed, variable, origin: "host", value: parsed.value, shown: setting.kind.show(parsed.value) }
    : { ...placed, variable, origin: "host", value: fallback.value, shown: refusedText };
}

function readDefault(setting: Setting, environment: Environment): Pick<Reading, "origin" | "value" | "shown"> {
  const { text, ofProfile } = defaultOf(setting, environment);
  const parsed = text === undefined ? undefined : setting.kind.parse(text);
  if (!parsed?.ok) return { origin: "none", value: undefined, shown: "not set" };
  return { origin: ofProfile ? "profile" : "default", value: parsed.value, shown: setting.kind.show(parsed.value) };
}

/** The host's text; one without text was set but could not be read, and is reported. */
function findText(setting: Setting, env: Env, report: Report): { variable: string; text?: string } | undefined {
  const found = variablesOf(setting).filter((variable) => env[variable]?.trim());
  const [first, second] = found;
  if (first === undefined) return undefined;
  const readable = setting.kind.sensitive && first.endsWith("_FILE");
  const text = readable ? readSecretFile(first, env[first]?.trim() ?? "", report) : env[first]?.trim();
  if (second === `${first}_FILE`)
    report.refuse(first, `is set, and so is ${second}`, "keep one of them, or it is unclear which one counts");
  else if (second !== undefined && env[second]?.trim() !== env[first]?.trim())
    report.warn(second, `is set beside ${first}, which wins; remove one of them`);
  return text === undefined ? { variable: first } : { variable: first, text };
}

/** Every variable that can carry a setting, the one that wins first. */
export function variablesOf({ name, alias, kind }: Setting): string[] {
  const names = alias === undefined ? [name] : [alias, name];
  return kind.sensitive ? names.flatMap((variable) => [variable, `${variable}_FILE`]) : names;
}

/** The path is not repeated in a problem: people put the secret itself there. */
function readSecretFile(variable: string, path: string, report: Report): string | undefined {
  try {
    const text = readFileSync(path, "utf8").trim();
    if (text !== "") return text;
    report.refuse(variable, "names an empty file", "write the secret into the file");
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    report.refuse(variable, `names a file that cannot be read (${String(code)})`, "check the path and its permissions");
  }
  return undefined;
}

function parse(setting: Setting, variable: string, text: string, report: Report): { value: unknown } | undefined {
  const { kind } = setting;
  if (isPlaceholder(text)) {
    if (kind.sensitive) {
      report.refuse(variable, "is still a placeholder", `set it to ${kind.expects}, or remove the line`);
      return undefined;
    }
    report.warn(variable, "looks like a placeholder that nobody filled in yet");
  }
  const parsed = kind.parse(text);
  if (!parsed.ok) {
    const received = kind.sensitive ? "" : ` (received ${showHarmless(text)})`;
    report.refuse(variable, parsed.problem + received, parsed.hint ?? `set it to ${kind.expects}`);
    return undefined;
  }
  if (parsed.warning !== undefined) report.warn(variable, parsed.warning);
  return parsed;
}

/** A refused text of a setting that is no secret, unless it looks as if a secret had been put there by mistake. */
function showHarmless(text: string): string {
  const isDoubtful = text.length > 40 || /@|:\/\/|^(ey[JK]|sk[-_]|rk_|sb_|napi_|whsec_|SG\.|AIza)/.test(text);
  return isDoubtful ? "[hidden]" : JSON.stringify(text);
}
