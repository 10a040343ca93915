import {
  type CallRunner,
  type CallScopes,
  type Clock,
  type EventBus,
  type FetchLike,
  type Random,
  revealSecret,
  type Secret,
  systemClock,
  systemRandom,
  OptionCheck,
  type NumberRange,
} from "../../core/index.ts";

export interface TinyFishClientOptions {
  /** Sent as `X-API-Key`. */
  readonly apiKey: string | Secret;
  /** Overrides every host: the agent's paths, `/v1/search` and `/v1/fetch` are found below it. With or without `/v1`. @defaultValue the service's three hosts */
  readonly baseUrl?: string | undefined;
  /** Retries reads, breaks circuits, limits. @defaultValue one attempt under a deadline */
  readonly runner?: CallRunner | undefined;
  /** @defaultValue the global one, looked up per call */
  readonly fetch?: FetchLike | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly events?: EventBus | undefined;
  /** Deadlines and signals that runs inherit from the request that caused them. @defaultValue none */
  readonly scopes?: CallScopes | undefined;
  /**
   * Runs that this client keeps going at a time, 1 to 1000; more wait here, in order. Keep it at or below the plan's cap:
   * above that the service queues, and the wait counts against the run's deadline. @defaultValue 3
   */
  readonly maxConcurrentRuns?: number | undefined;
  /** Most this process may spend on a UTC day, USD. @defaultValue Infinity: no limit */
  readonly dailyBudgetUsd?: number | undefined;
  /** Price of a step, USD. @defaultValue 0.016 */
  readonly usdPerStep?: number | undefined;
  /** One attempt of a call that is no run and no fetch, ms; a read and its retries get twice this. @defaultValue 30000 */
  readonly timeoutMs?: number | undefined;
  /** The same for a fetch, whose pages may take the service up to 120 s, ms. @defaultValue 150000 */
  readonly fetchTimeoutMs?: number | undefined;
  /** Most that a run may take, waiting for its turn included, ms; a call's `deadlineMs` can only be shorter. @defaultValue 1200000: 20 min, the service's own cap */
  readonly runDeadlineMs?: number | undefined;
  /** Shortest and longest pause between two looks at a run, ms. @defaultValue 100 and 30000 */
  readonly minPollMs?: number | undefined;
  readonly maxPollMs?: number | undefined;
  /** Silence on an event stream after which the run is polled instead, ms. @defaultValue 60000 */
  readonly streamStallMs?: number | undefined;
  /** Waits before each of two looks for a run whose creation was not confirmed, ms. @defaultValue [500, 2000] */
  readonly reconcileWaitsMs?: readonly [number, number] | undefined;
  /** A named limit that each search, each fetch and each request that creates runs is charged to. @defaultValue none */
  readonly limit?: { readonly name: string; readonly key: string; readonly wait?: boolean } | undefined;
  /** @defaultValue "enhanced-integration" */
  readonly userAgent?: string | undefined;
}

const defaults = {
  maxConcurrentRuns: 3,
  dailyBudgetUsd: Infinity,
  usdPerStep: 0.016,
  timeoutMs: 30_000,
  fetchTimeoutMs: 150_000,
  runDeadlineMs: 1_200_000,
  minPollMs: 100,
  maxPollMs: 30_000,
  streamStallMs: 60_000,
  reconcileWaitsMs: [500, 2000] as readonly [number, number],
  userAgent: "enhanced-integration",
};

const productHosts = {
  agent: "https://agent.tinyfish.ai",
  search: "https://api.search.tinyfish.ai/",
  fetch: "https://api.fetch.tinyfish.ai/",
};
/** Where the endpoints are; `search` and `fetch` are complete addresses. */
export type TinyFishHosts = Readonly<typeof productHosts>;

export interface ResolvedTinyFishOptions extends Readonly<typeof defaults> {
  readonly apiKey: string;
  readonly hosts: TinyFishHosts;
  readonly clock: Clock;
  readonly random: Random;
}

/** Ranges, both ends included. */
const ranges = {
  maxConcurrentRuns: { min: 1, max: 1_000, integer: true },
  dailyBudgetUsd: { min: 0, max: Infinity },
  usdPerStep: { min: 0, max: 100 },
  timeoutMs: { min: 1, max: 3_600_000 },
  fetchTimeoutMs: { min: 1, max: 3_600_000 },
  runDeadlineMs: { min: 1, max: 86_400_000 },
  minPollMs: { min: 1, max: 600_000 },
  maxPollMs: { min: 1, max: 600_000 },
  streamStallMs: { min: 1, max: 3_600_000 },
} as const satisfies Partial<Record<keyof typeof defaults, NumberRange>>;

/** @throws IntegrationError INVALID_INPUT naming every bad option */
export function resolveTinyFishOptions(options: TinyFishClientOptions): ResolvedTinyFishOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved = { ...defaults, ...given };
  const check = new OptionCheck("TinyFishClient", "tinyfish");
  const apiKey = revealSecret(options.apiKey ?? "");
  if (!/^[\x21-\x7e]+$/.test(apiKey)) check.problem("apiKey must be printable text without spaces, got [redacted]");
  const hosts = readHosts(options.baseUrl, check);
  check.numbers(resolved, ranges);
  if (resolved.minPollMs > resolved.maxPollMs)
    check.problem(`minPollMs must not exceed maxPollMs, got ${resolved.minPollMs} and ${resolved.maxPollMs}`);
  if (!resolved.reconcileWaitsMs.every((ms) => ms >= 0 && ms <= 60_000))
    check.problem(`reconcileWaitsMs must be from 0 to 60000, got ${resolved.reconcileWaitsMs.join(" and ")}`);
  check.throwIfAny();
  return { ...resolved, apiKey, hosts, clock: options.clock ?? systemClock, random: options.random ?? systemRandom };
}

function readHosts(baseUrl: string | undefined, check: OptionCheck): TinyFishHosts {
  if (baseUrl === undefined) return productHosts;
  const agent = baseUrl.replace(/\/+$/, "").replace(/\/v1$/, "").replace(/\/+$/, "");
  if (!URL.canParse(agent) || !/^https?:$/.test(new URL(agent).protocol))
    check.problem("baseUrl must be an http(s) URL");
  return { agent, search: `${agent}/v1/search`, fetch: `${agent}/v1/fetch` };
}
