import { parseRetryAfter } from "../core/index.ts";

/** What a service said about one of its quotas. */
export interface QuotaHint {
  readonly name: string;
  /** Requests per window. */
  readonly limit?: number;
  readonly windowMs?: number;
  readonly remaining?: number;
  /** Until the quota is restored. */
  readonly resetMs?: number;
}

export interface RateLimitHints {
  readonly retryAfterMs?: number;
  readonly quotas: readonly QuotaHint[];
}

/** Reads one header of an answer; `Headers.get` fits. */
export type HeaderReader = (name: string) => string | null | undefined;

const MAX_HEADER_LENGTH = 4_096;
const MAX_QUOTAS = 8;
const DAY_SECONDS = 86_400;
/** A number of seconds this large is a date: `X-RateLimit-Reset` holds either. */
const FIRST_EPOCH_SECONDS = 1e9;
const FIRST_EPOCH_MS = 1e12;

/**
 * Understands `Retry-After`, the fields `RateLimit` and `RateLimit-Policy`, their forerunners of earlier drafts, and
 * the `X-RateLimit-*` family in the spellings of GitHub, OpenAI and others. What makes no sense is no hint.
 *
 * @see draft-ietf-httpapi-ratelimit-headers-10
 */
export function readRateLimitHints(header: HeaderReader, wallNow: number): RateLimitHints {
  const retryAfterMs = parseRetryAfter(header("retry-after"), wallNow);
  const quotas = standardQuotas(text(header, "ratelimit"), text(header, "ratelimit-policy"));
  const all = quotas.length > 0 ? quotas : familiarQuotas(header, wallNow);
  return { ...(retryAfterMs !== undefined && { retryAfterMs }), quotas: all.slice(0, MAX_QUOTAS) };
}

function text(header: HeaderReader, name: string): string {
  return (header(name) ?? "").slice(0, MAX_HEADER_LENGTH);
}

function standardQuotas(limits: string, policies: string): QuotaHint[] {
  if (limits === "" && policies === "") return []; // nearly every answer
  const byName = new Map<string, QuotaHint>();
  const note = (hint: QuotaHint) => byName.set(hint.name, { ...byName.get(hint.name), ...hint });
  const foreign = new Set<string>();
  for (const [name, parameters] of items(policies)) {
    // Quotas of bytes or of connections say nothing about a number of requests.
    if (!/^(?:"?requests?"?)?$/.test(parameters.get("qu") ?? "")) foreign.add(name);
    note({ name, ...given("limit", parameters.get("q")), ...given("windowMs", parameters.get("w"), 1_000) });
  }
  for (const [name, parameters] of items(limits))
    note({ name, ...given("remaining", parameters.get("r")), ...given("resetMs", parameters.get("t"), 1_000) });
  // Drafts up to 7: `limit=100, remaining=50, reset=30`.
  const old = new Map(
    [...limits.matchAll(/\b(limit|remaining|reset)=(\d{1,15})\b/g)].map(([, key, value]) => [key, value]),
  );
  if (byName.size === 0 && old.size > 0)
    note({
      name: "default",
      ...given("limit", old.get("limit")),
      ...given("remaining", old.get("remaining")),
      ...given("resetMs", old.get("reset"), 1_000),
    });
  return [...byName.values()].filter(({ name }) => !foreign.has(name));
}

/** A list of strings with parameters (RFC 9651), read leniently. */
function* items(list: string): Generator<[name: string, parameters: Map<string, string>]> {
  for (const [, name = "", rest = ""] of list.matchAll(/"([^"]{0,200})"\s*((?:;[^;,"]*(?:"[^"]*"\s*)?)*)/g)) {
    const pairs = rest.split(";").map((pair) => pair.trim().split("=", 2));
    yield [name, new Map(pairs.map(([key = "", value = ""]) => [key, value]))];
  }
}

/** Made once: every answer is asked for all of them. */
const familiarNames = ["ratelimit-", "x-ratelimit-", "x-rate-limit-"].flatMap((prefix) =>
  ["", "-requests"].map((suffix) => ({
    limit: `${prefix}limit${suffix}`,
    remaining: `${prefix}remaining${suffix}`,
    reset: `${prefix}reset${suffix}`,
  })),
);

function familiarQuotas(header: HeaderReader, wallNow: number): QuotaHint[] {
  for (const names of familiarNames) {
    const limit = text(header, names.limit).trim();
    const remaining = text(header, names.remaining).trim();
    if (limit === "" && remaining === "") continue;
    const hint: QuotaHint = {
      name: "default",
      ...given("limit", /^\d+/.exec(limit)?.[0]),
      ...given("remaining", remaining),
      ...reset(text(header, names.reset).trim(), wallNow),
    };
    if (hint.limit !== undefined || hint.remaining !== undefined) return [hint];
  }
  return [];
}

/** Seconds from now, a date in seconds or milliseconds, or a duration like `1m30s` and `120ms`. */
function reset(value: string, wallNow: number): { readonly resetMs?: number } {
  const number = /^\d{1,15}(\.\d{1,9})?$/.test(value) ? Number(value) : NaN;
  if (number >= FIRST_EPOCH_MS) return { resetMs: Math.max(0, number - wallNow) };
  if (number >= FIRST_EPOCH_SECONDS) return { resetMs: Math.max(0, number * 1_000 - wallNow) };
  if (number <= 366 * DAY_SECONDS) return { resetMs: number * 1_000 };
  const parts = /^(?:(\d{1,4})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9})ms)?$/.exec(
    value,
  );
  if (!parts || value === "") return {};
  const [days = 0, hours = 0, minutes = 0, seconds = 0, ms = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  return { resetMs: (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000 + ms };
}

/** A whole number, or nothing at all. */
function given<K extends string>(key: K, value: string | undefined, factor = 1): { readonly [k in K]?: number } {
  return value !== undefined && /^\d{1,15}$/.test(value)
    ? ({ [key]: Number(value) * factor } as { [k in K]: number })
    : {};
}
