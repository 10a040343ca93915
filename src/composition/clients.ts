import { type JSONWebKeySet } from "jose";
import { ConnectionPoolManager } from "../clients/connection-pool-manager.ts";
import { NeonAdmin, NeonClient, NeonDataApi } from "../clients/neon/index.ts";
import { OllamaClient } from "../clients/ollama/index.ts";
import { SupabaseClient } from "../clients/supabase/index.ts";
import { TinyFishClient } from "../clients/tinyfish/index.ts";
import { type Config } from "../config/index.ts";
import {
  type CallRunner,
  type CallScopes,
  type Clock,
  type EventBus,
  type Logger,
  type Random,
  type TokenVerifier,
} from "../core/index.ts";
import { SupabaseTokenVerifier } from "../security/index.ts";
import { disabledClient } from "./disabled.ts";
import { type IntegrationOverrides } from "./overrides.ts";
import { MANAGEMENT_LIMIT } from "./policies.ts";

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
}

export function createVerifier({ config, overrides, clock }: ClientSurroundings): TokenVerifier {
  const { url, jwtSecret, jwks, jwksUrl } = config.supabase;
  if (overrides.verifier) return overrides.verifier;
  if (url === undefined) return disabledClient("supabase", offReason(config, "userAuthentication"));
  // A frozen copy of what the settings room checked; jose only reads it.
  const keys = jwks as JSONWebKeySet | undefined;
  return new SupabaseTokenVerifier({ url, jwtSecret, jwks: keys, jwksUrl, clock, fetch: overrides.fetch });
}

export function createPools({
  config,
  overrides,
  clock,
  random,
  events,
  logger,
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
    ...{ clock, random, events, logger },
  });
}

export function createNeon(
  around: ClientSurroundings,
  pools: ConnectionPoolManager,
  verifier: TokenVerifier,
  embeddingDimensions: () => Promise<number>,
): NeonClient {
  const { config, overrides, runner, clock, random, events, logger } = around;
  const { neon, queries, debug } = config;
  if (!neon.connection && !overrides.pools) return disabledClient("neon", offReason(config, "persistentStorage"));
  return new NeonClient({
    pools,
    directConnectionString: neon.directConnection?.url,
    maxRows: queries.maxResults,
    sqlLogging: debug.sqlLogging,
    fetch: overrides.fetch,
    embeddingDimensions,
    admin: createNeonAdmin(around),
    dataApi: createDataApi(around),
    ...{ runner, verifier, clock, random, events, logger },
    ...overrides.clients?.neon,
  });
}

/** The management API's own settings; undefined, and so FEATURE_DISABLED, without project and key. */
function createNeonAdmin({ config, overrides, runner, clock, random }: ClientSurroundings): NeonAdmin | undefined {
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
    fetch: overrides.fetch,
    ...{ runner, clock, random },
  });
}

function createDataApi({ config, overrides, runner, clock }: ClientSurroundings): NeonDataApi | undefined {
  const { dataApiUrl: url, dataApiToken: token } = config.neon;
  if (url === undefined) return undefined;
  const requestTimeoutMs = config.calls.requestTimeoutMs;
  return new NeonDataApi({ url, token, requestTimeoutMs, fetch: overrides.fetch, runner, clock });
}

export function createSupabase(
  { config, overrides, runner, clock, events }: ClientSurroundings,
  verifier: TokenVerifier,
): SupabaseClient {
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
    fetch: overrides.fetch,
    ...{ verifier, runner, clock, events },
    ...overrides.clients?.supabase,
  });
}

export function createTinyFish({
  config,
  overrides,
  runner,
  scopes,
  clock,
  random,
  events,
}: ClientSurroundings): TinyFishClient {
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
    fetch: overrides.fetch,
    ...{ runner, scopes, clock, random, events },
    ...overrides.clients?.tinyfish,
  });
}

export function createOllama({ config, overrides, runner, clock, events }: ClientSurroundings): OllamaClient {
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
    ...(overrides.fetch && { fetch: overrides.fetch }),
    ...{ runner, clock, events },
    ...overrides.clients?.ollama,
  });
}

function offReason(config: Config, feature: keyof Config["features"]): string {
  const { reason, variable } = config.features[feature];
  return reason ?? `set ${variable}`;
}
