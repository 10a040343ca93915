import { type JSONWebKeySet } from "jose";
import { ConnectionPoolManager } from "../clients/connection-pool-manager.ts";
import {
  DATA_API_SERVICE,
  MANAGEMENT_SERVICE,
  NeonAdmin,
  NeonClient,
  type NeonClientOptions,
  NeonDataApi,
  neonFetch,
} from "../clients/neon/index.ts";
import { OllamaClient, ollamaQuotaOf } from "../clients/ollama/index.ts";
import { SupabaseClient, supabaseQuotaOf } from "../clients/supabase/index.ts";
import { TinyFishClient, tinyFishQuotaOf } from "../clients/tinyfish/index.ts";
import { type Config } from "../config/index.ts";
import {
  type CallRunner,
  type CallScopes,
  type Clock,
  type EventBus,
  type FetchLike,
  type Logger,
  type Random,
  type Redact,
  type TokenVerifier,
} from "../core/index.ts";
import { type OutboundLimits } from "../resilience/index.ts";
import { SupabaseTokenVerifier } from "../security/index.ts";
import { disabledClient } from "./disabled.ts";
import { type IntegrationOverrides } from "./overrides.ts";
import { MANAGEMENT_LIMIT } from "./policies.ts";
import { redactingFetch } from "./redaction.ts";

/** What every client is given. */
export interface ClientSurroundings {
  readonly config: Config;
  readonly overrides: IntegrationOverrides;
  readonly runner: CallRunner;
  readonly scopes: CallScopes;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventBus;
  readonly logger: Logger;
  /** Takes secrets out of what services say. */
  readonly redact: Redact;
  /** Undefined: the host wants none. */
  readonly outbound: OutboundLimits | undefined;
  /** What requests go through where calls are traced. */
  readonly traceFetch: ((fetch: FetchLike) => FetchLike) | undefined;
}

export function createVerifier({ config, overrides, clock, redact }: ClientSurroundings): TokenVerifier {
  const { url, jwtSecret, jwks, jwksUrl } = config.supabase;
  if (overrides.verifier) return overrides.verifier;
  if (url === undefined) return disabledClient("supabase", offReason(config, "userAuthentication"));
  // A frozen copy of what the settings room checked; jose only reads it.
  const keys = jwks as JSONWebKeySet | undefined;
  const fetch = redactingFetch(overrides.fetch ?? globalFetch, redact);
  return new SupabaseTokenVerifier({ url, jwtSecret, jwks: keys, jwksUrl, clock, fetch });
}

export function createPools({
  config,
  overrides,
  clock,
  random,
  events,
  redact,
}: ClientSurroundings): ConnectionPoolManager {
  const { neon, queries, app } = config;
  if (overrides.pools) return overrides.pools;
  if (!neon.connection) return disabledClient("neon", offReason(config, "persistentStorage"));
  return new ConnectionPoolManager({
    connectionString: neon.connection.url,
    transport: neon.transport,
    max: neon.poolSize,
    idleTimeoutMs: neon.idleTimeoutMs,
    connectionTimeoutMs: neon.connectionTimeoutMs,
    queryTimeoutMs: queries.timeoutMs,
    applicationName: app.name,
    // Its events say all that it would write, and are written down.
    ...{ clock, random, events, redact },
  });
}

export function createNeon(
  around: ClientSurroundings,
  pools: ConnectionPoolManager,
  verifier: TokenVerifier,
  embeddingDimensions: NeonClientOptions["embeddingDimensions"],
): NeonClient {
  const { config, overrides, runner, clock, random, events, logger, redact } = around;
  const { neon, queries, debug, cache } = config;
  if (!neon.connection && !overrides.pools) return disabledClient("neon", offReason(config, "persistentStorage"));
  return new NeonClient({
    pools,
    directConnectionString: neon.directConnection?.url,
    replicaConnectionString: neon.replicaConnection?.url,
    maxRows: queries.maxResults,
    sqlLogging: debug.sqlLogging,
    queryCache: queries.cacheEnabled && { ttlMs: cache.ttlSeconds * 1_000, staleIfErrorMs: cache.ttlSeconds * 1_000 },
    embeddingDimensions,
    admin: createNeonAdmin(around),
    dataApi: createDataApi(around),
    ...{ runner, verifier, clock, random, events, logger, redact },
    ...overrides.clients?.neon,
    fetch: learning(around, overrides.clients?.neon?.fetch ?? overrides.fetch ?? neonFetch, () => "neon"),
  });
}

/** The management API's own settings; undefined, and so FEATURE_DISABLED, without project and key. */
function createNeonAdmin(around: ClientSurroundings): NeonAdmin | undefined {
  const { config, overrides, runner, clock, random } = around;
  const { projectId, apiKey, apiUrl, branch, database, connection } = config.neon;
  if (projectId === undefined || apiKey === undefined) return undefined;
  const { enabled, retentionDays, schedule, pointInTimeRecovery } = config.backup;
  return new NeonAdmin({
    projectId,
    apiKey,
    branch,
    apiUrl,
    database,
    role: connection && (decodeURIComponent(new URL(connection.url.reveal()).username) || undefined),
    backup: { enabled, retentionDays, schedule, pointInTimeRecovery },
    limit: { name: MANAGEMENT_LIMIT, key: "neon", wait: true },
    requestTimeoutMs: config.calls.requestTimeoutMs,
    fetch: learning(around, overrides.fetch, () => MANAGEMENT_SERVICE),
    ...{ runner, clock, random },
  });
}

function createDataApi(around: ClientSurroundings): NeonDataApi | undefined {
  const { config, overrides, runner, clock } = around;
  const { dataApiUrl: url, dataApiToken: token } = config.neon;
  if (url === undefined) return undefined;
  const requestTimeoutMs = config.calls.requestTimeoutMs;
  const fetch = learning(around, overrides.fetch, () => DATA_API_SERVICE);
  return new NeonDataApi({ url, token, requestTimeoutMs, fetch, runner, clock });
}

export function createSupabase(around: ClientSurroundings, verifier: TokenVerifier): SupabaseClient {
  const { config, overrides, runner, clock, events } = around;
  const { url, anonKey, serviceKey, storageUrl } = config.supabase;
  if (url === undefined || anonKey === undefined)
    return disabledClient("supabase", offReason(config, "userAuthentication"));
  return new SupabaseClient({
    url,
    publishableKey: anonKey,
    secretKey: serviceKey,
    storageUrl,
    requestTimeoutMs: config.calls.requestTimeoutMs,
    // A refused sign-in is for the person to try again; an upload is worth a wait.
    limits: {
      auth: { name: "auth", key: "supabase" },
      upload: { name: "upload", key: "supabase", wait: true },
    },
    ...{ verifier, runner, clock, events },
    ...overrides.clients?.supabase,
    fetch: learning(around, overrides.clients?.supabase?.fetch ?? overrides.fetch, (address) =>
      supabaseQuotaOf(address, storageUrl),
    ),
  });
}

export function createTinyFish(around: ClientSurroundings): TinyFishClient {
  const { config, overrides, runner, scopes, clock, random, events } = around;
  const { apiKey, apiUrl, usesOfficialHosts, timeoutMs, dailyBudgetUsd, maxConcurrentRuns } = config.tinyfish;
  if (apiKey === undefined) return disabledClient("tinyfish", offReason(config, "scraping"));
  return new TinyFishClient({
    apiKey,
    baseUrl: usesOfficialHosts ? undefined : apiUrl,
    timeoutMs,
    dailyBudgetUsd,
    maxConcurrentRuns,
    // Scraping is worth a wait: a page refused now would only be asked for again.
    limit: { name: "scraping", key: "tinyfish", wait: true },
    userAgent: `${config.app.name}/${config.app.version}`.replace(/[^\x21-\x7e]/g, "-"),
    ...{ runner, scopes, clock, random, events },
    ...overrides.clients?.tinyfish,
    fetch: learning(around, overrides.clients?.tinyfish?.fetch ?? overrides.fetch, tinyFishQuotaOf),
  });
}

export function createOllama(around: ClientSurroundings): OllamaClient {
  const { config, overrides, runner, clock, events } = around;
  const {
    baseUrl,
    defaultModel,
    embedModel,
    temperature,
    maxTokens,
    idleTimeoutMs,
    sharing,
    cacheTtlSeconds,
    memoryBudgetBytes,
  } = config.ollama;
  return new OllamaClient({
    baseUrl,
    model: defaultModel,
    embedModel,
    temperature,
    maxTokens,
    idleTimeoutMs,
    sharing,
    keepAliveSeconds: cacheTtlSeconds,
    // Waits like scraping does: a model is slow anyhow, and a refusal would only be asked again.
    limit: { name: "analysis", key: "ollama", wait: true },
    embeddingCacheTtlSeconds: cacheTtlSeconds,
    ...(memoryBudgetBytes !== undefined && { memoryBudgetBytes }),
    ...{ runner, clock, events },
    ...overrides.clients?.ollama,
    fetch: learning(around, overrides.clients?.ollama?.fetch ?? overrides.fetch, ollamaQuotaOf),
  });
}

/** Looked up per request. */
const globalFetch: FetchLike = (input, init) => globalThis.fetch(input, init);

/**
 * What services tell of their limits is learned from every answer, each request carries its trace, and what failed is
 * cleaned of secrets first of all.
 */
function learning(
  { outbound, traceFetch, redact }: ClientSurroundings,
  fetch: FetchLike = globalFetch,
  quotaOf: (url: string) => string | undefined,
): FetchLike {
  const clean = redactingFetch(fetch, redact);
  const traced = traceFetch ? traceFetch(clean) : clean;
  return outbound ? outbound.learn(traced, quotaOf) : traced;
}

function offReason(config: Config, feature: keyof Config["features"]): string {
  const { reason, variable } = config.features[feature];
  return reason ?? `set ${variable}`;
}
