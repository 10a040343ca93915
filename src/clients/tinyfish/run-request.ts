import { IntegrationError } from "../../core/index.ts";
import { type OutputReader } from "./outcome.ts";
import { zodToTinyFishSchema } from "./output-schema.ts";
import { type RunRequest } from "./types.ts";

/** A checked request, and what it looks like on the wire. */
export interface PreparedRun<T> {
  readonly body: Readonly<Record<string, unknown>>;
  readonly output: OutputReader<T> | undefined;
  /** Most that it may cost, in steps. */
  readonly worstSteps: number;
}

/** The service's default of `max_steps`. */
const DEFAULT_MAX_STEPS = 150;

/** @throws IntegrationError INVALID_INPUT naming everything that is wrong, before anything is sent */
export function prepareRun<T>(request: RunRequest<T>): PreparedRun<T> {
  const problems = [...checkUrl("url", request.url), ...checkFields(request)];
  if (problems.length > 0) throw invalidInput("run", problems);
  const output = request.output && { zod: request.output, wire: zodToTinyFishSchema(request.output) };
  const { proxy, capture, profileId, credentialItemIds } = request;
  const agent = given({
    mode: request.mode,
    max_steps: request.maxSteps,
    max_duration_seconds: request.maxDurationSeconds,
  });
  const body = given({
    url: request.url,
    goal: request.goal,
    browser_profile: request.browserProfile,
    proxy_config: proxy && {
      enabled: true,
      ...given({ ...proxy, countryCode: undefined, country_code: proxy.countryCode }),
    },
    agent_config: Object.keys(agent).length > 0 ? agent : undefined,
    capture_config: capture,
    webhook_url: request.webhookUrl,
    use_profile: profileId === undefined ? undefined : true,
    profile_id: profileId,
    use_vault: credentialItemIds ? true : undefined,
    credential_item_ids: credentialItemIds && credentialItemIds.length > 0 ? credentialItemIds : undefined,
    output_schema: output?.wire.schema,
  });
  return { body, output, worstSteps: request.maxSteps ?? DEFAULT_MAX_STEPS };
}

function checkFields(request: RunRequest): string[] {
  const { goal, maxSteps, maxDurationSeconds, webhookUrl, proxy } = request;
  const problems = webhookUrl === undefined ? [] : checkUrl("webhookUrl", webhookUrl);
  if (typeof goal !== "string" || goal.trim() === "") problems.push("goal must say what to do");
  if (maxSteps !== undefined && !isWhole(maxSteps, 1, 500))
    problems.push(`maxSteps must be a whole number from 1 to 500, got ${maxSteps}`);
  if (maxDurationSeconds !== undefined && !isWhole(maxDurationSeconds, 1, 86_400))
    problems.push(`maxDurationSeconds must be a whole number from 1 to 86400, got ${maxDurationSeconds}`);
  if (proxy?.type === "custom" && proxy.url === undefined) problems.push("a custom proxy needs url");
  return problems;
}

/**
 * A light guard: the service visits the address, not we. It keeps other schemes out, and passwords out of the service's
 * logs. The value itself may be private, so messages only show its origin.
 */
export function checkUrl(name: string, value: unknown): string[] {
  if (typeof value !== "string" || !URL.canParse(value)) return [`${name} must be a complete URL, scheme included`];
  const { protocol, username, password } = new URL(value);
  if (protocol !== "http:" && protocol !== "https:") return [`${name} must be http or https, got ${protocol}`];
  return username || password ? [`${name} must not hold a user name or password`] : [];
}

export function invalidInput(operation: string, problems: readonly string[]): IntegrationError {
  return new IntegrationError({
    code: "INVALID_INPUT",
    message: `tinyfish.${operation}: ${problems.join("; ")}`,
    service: "tinyfish",
    operation,
  });
}

/** Without the keys that have no value. */
export function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
