import { DATA_API_SERVICE, MANAGEMENT_SERVICE, managementLimit } from "../clients/neon/index.ts";
import { type Config } from "../config/index.ts";
import { type LimitOptions, type ServicePolicy } from "../resilience/index.ts";

/** Requests to Neon's management API wait for their turn at it. */
export const MANAGEMENT_LIMIT = "neonManagement";

/** The host's limits, and what vendors allow us at most, which no setting can raise. */
export function allLimits(config: Config): Config["limits"] & Record<string, LimitOptions | readonly LimitOptions[]> {
  return { ...config.limits, [MANAGEMENT_LIMIT]: managementLimit };
}

/** What the settings say about how each service is called; a host's own policy goes over it, member by member. */
export function servicePolicies(
  config: Config,
  overrides: Readonly<Record<string, ServicePolicy>> = {},
): Record<string, ServicePolicy> {
  const { neon, tinyfish, queries, calls } = config;
  const deadlineMs = calls.requestTimeoutMs;
  // Named here, parts are known (to the status page, and to the fleet) before they are called.
  const base: Record<string, ServicePolicy> = {
    neon: {
      deadlineMs,
      attemptTimeoutMs: Math.min(queries.timeoutMs, deadlineMs),
      baseDelayMs: 100,
      maxDelayMs: 2_000,
      ...(neon.replicaConnection && { parts: { replica: {} } }),
    },
    [MANAGEMENT_SERVICE]: { deadlineMs, baseDelayMs: 500, maxDelayMs: 5_000 },
    [DATA_API_SERVICE]: { deadlineMs, baseDelayMs: 100, maxDelayMs: 2_000 },
    supabase: { deadlineMs, baseDelayMs: 200, maxDelayMs: 5_000, parts: { auth: {}, storage: {} } },
    tinyfish: {
      ...{ deadlineMs, maxAttempts: tinyfish.maxRetries + 1, baseDelayMs: tinyfish.retryDelayMs },
      parts: { agent: {}, search: {}, fetch: {} },
    },
    ollama: { baseDelayMs: 250, maxDelayMs: 5_000 },
  };
  const names = new Set([...Object.keys(base), ...Object.keys(overrides)]);
  return Object.fromEntries([...names].map((name) => [name, joined(base[name], overrides[name])]));
}

function joined(base: ServicePolicy = {}, over: ServicePolicy = {}): ServicePolicy {
  const parts = { ...base.parts, ...over.parts };
  return { ...base, ...over, ...(Object.keys(parts).length > 0 && { parts }) };
}
