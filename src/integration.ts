import { poolDefaults } from "./clients/connection-pool-manager.ts";
import {
  type ClientSurroundings,
  createNeon,
  createOllama,
  createPools,
  createSupabase,
  createTinyFish,
  createVerifier,
} from "./composition/clients.ts";
import { featureSwitches } from "./composition/features.ts";
import { createHealth } from "./composition/health.ts";
import { type Integration } from "./composition/integration.ts";
import { Lifecycle, within } from "./composition/lifecycle.ts";
import { defaultLogger } from "./composition/logger.ts";
import { MetricsServer } from "./composition/metrics-server.ts";
import { operate } from "./composition/operate.ts";
import { type IntegrationOverrides } from "./composition/overrides.ts";
import { allLimits, servicePolicies } from "./composition/policies.ts";
import { allSecrets, createRedact, redactingLogger } from "./composition/redaction.ts";
import { sharedState } from "./composition/redis.ts";
import { circuitStates } from "./composition/service-status.ts";
import { StatusBoard } from "./composition/status.ts";
import { createTracing, tracingWarning } from "./composition/tracing.ts";
import { type Env, loadConfig } from "./config/index.ts";
import { type CallRunner, CallScopes, EventBus, systemClock, systemRandom } from "./core/index.ts";
import { Listings } from "./listings/index.ts";
import { logEvents, MonitoringSystem } from "./monitoring/index.ts";
import { createPipeline, EnhancedErrorHandler, OutboundLimits, RateLimiter } from "./resilience/index.ts";

export { type Integration, type IntegrationDescription } from "./composition/integration.ts";
export { type OperatorAction } from "./composition/operate.ts";
export { type IntegrationOverrides } from "./composition/overrides.ts";
export { type StatusSnapshot } from "./composition/status-snapshot.ts";
export { type StatusOptions, type WatchOptions } from "./composition/status.ts";

/**
 * Wires everything. Does no I/O and starts no timer: services are spoken to when they are first called.
 *
 * @throws ConfigError naming every problem of the environment at once
 * @example
 * const integration = createIntegration(process.env);
 * const rows = await integration.neon.query`select id, price from listings where zipcode = ${zip}`;
 * await integration.close();
 */
export function createIntegration(env: Env, overrides: IntegrationOverrides = {}): Integration {
  const config = loadConfig(env);
  const { clock = systemClock, random = systemRandom } = overrides;
  const events = new EventBus();
  const { onEvent } = overrides;
  if (onEvent) events.onAny(({ name, event }) => onEvent(name, event as never));
  const secrets = allSecrets(config, overrides.secrets);
  const redact = createRedact(secrets);
  const tracing = createTracing(config, overrides.tracing, clock, events, redact);
  const ownLogger = overrides.logger
    ? undefined
    : defaultLogger(config, clock, secrets, overrides.logTo, tracing && (() => tracing.tracer.fields()));
  const logger = ownLogger ?? redactingLogger(overrides.logger!, redact);
  logEvents(events, logger, { verbose: config.debug.verboseLogging });
  const monitoring = new MonitoringSystem({
    ...{ clock, random, runner: () => pipeline },
    seriesTtlMs: config.metrics.seriesTtlMs,
  });
  if (config.metrics.enabled) monitoring.observe(events);

  const scopes = new CallScopes();
  const shared = sharedState(config, overrides, { clock, events, logger, redact });
  const limits = new RateLimiter({
    limits: allLimits(config),
    clock,
    events,
    ...(shared.limits && { store: shared.limits }),
  });
  const outbound = new OutboundLimits({ clock, events, ...(overrides.outbound || {}) });
  const pipeline = createPipeline({
    ...{ clock, random, events, scopes, limiter: limits, outbound, redact },
    defaults: { deadlineMs: config.calls.requestTimeoutMs },
    services: servicePolicies(config, overrides.policies),
    maxConcurrent: config.calls.concurrentRequests,
    cache: { ttlMs: config.cache.ttlSeconds * 1_000, maxEntries: config.cache.maxEntries },
    ...(shared.fleet && { fleet: shared.fleet }),
    ...(tracing && { tracer: tracing.tracer }),
  });

  const around: ClientSurroundings = {
    ...{ config, overrides, runner: pipeline, scopes, clock, random, events, logger, redact },
    outbound: overrides.outbound === false ? undefined : outbound,
    traceFetch: tracing?.fetch,
  };
  const verifier = createVerifier(around);
  const pools = createPools(around);
  // While the database takes no writes the pipeline refuses them, and answers reads from its cache where it may.
  events.on("pool.mode_changed", ({ pool, mode, reason }) => {
    if (pool === (overrides.pools?.name ?? poolDefaults.name))
      pipeline.setMode("neon", mode === "read-write" ? mode : "read-only", reason, "pool");
  });
  const ollama = createOllama(around);
  const neon = createNeon(around, pools, verifier, (call) => ollama.dimensions(undefined, call));
  const supabase = createSupabase(around, verifier);
  const tinyfish = createTinyFish(around);
  const listings = new Listings({
    database: neon,
    scraper: tinyfish,
    embedder: { embedModel: config.ollama.embedModel, embed: (texts, options) => ollama.embed(texts, options) },
    files: supabase.storage,
    verifier,
    features: featureSwitches(config),
    clock,
    events,
    scopes,
  });
  const health = createHealth(
    config,
    { neon, supabase, tinyfish, ollama },
    { clock, random, redact, process: overrides.process, askRedis: shared.askRedis },
  );
  const status = new StatusBoard({
    ...{ config, clock, events, pipeline, limits, outbound, monitoring },
    pools: overrides.pools || config.neon.connection ? pools : undefined,
    health: () => health.report(),
  });
  for (const { name, message } of [...config.warnings, ...tracingWarning(config, overrides.tracing, tracing)])
    events.emit("config.warned", { name, message });

  const lifecycle = new Lifecycle({
    async start() {
      const { metrics } = config;
      const server =
        metrics.enabled && metrics.prometheus && metrics.port !== undefined
          ? new MetricsServer(monitoring, { ...metrics, port: metrics.port })
          : undefined;
      await server?.start();
      await shared.fleet?.start();
      if (config.health.enabled) health.start(config.health.intervalMs);
      if (metrics.enabled) {
        monitoring.start();
        status.start();
      }
      return async () => {
        health.stop();
        monitoring.stop();
        await server?.stop();
      };
    },
    async close(timeoutMs) {
      health.markUnready("closing");
      status.close();
      await within(timeoutMs, clock, pipeline.close());
      await Promise.allSettled([
        tinyfish.close({ timeoutMs }),
        ollama.close(),
        supabase.close(),
        neon.close({ timeoutMs }),
      ]);
      if (!overrides.pools) await pools.close({ timeoutMs });
      await shared.fleet?.close();
      shared.close();
      ownLogger?.close();
    },
  });

  return {
    ...{
      config,
      neon,
      supabase,
      tinyfish,
      ollama,
      pools,
      listings,
      limits,
      outbound,
      monitoring,
      events,
      logger: overrides.logger ?? logger,
      clock,
      scopes,
    },
    errors: new EnhancedErrorHandler({ clock, random, redact }),
    call: (spec, attempt) => (pipeline satisfies CallRunner).run(spec, attempt),
    callWithMeta: (spec, attempt) => pipeline.runWithMeta(spec, attempt),
    setMode: (service, mode, reason) => pipeline.setMode(service, mode, reason),
    forget: (service, operation, key) => pipeline.forget(service, operation, key),
    start: () => lifecycle.start(),
    close: ({ timeoutMs = 10_000 } = {}) => lifecycle.close(timeoutMs),
    health: () => status.checkHealth(),
    ready: () => health.ready(),
    live: () => health.live(),
    started: () => lifecycle.started,
    describe: () => ({
      ...pipeline.describe(),
      breakers: circuitStates(pipeline),
      fleet: shared.fleet ? { connected: shared.fleet.connected } : null,
      outbound: outbound.learned(),
    }),
    explain: (callId) => pipeline.explain(callId),
    status: (options) => status.snapshot(options),
    watchStatus: (options) => status.watch(options),
    operate: (action, by) => operate({ pipeline, monitoring, events }, action, by),
    [Symbol.asyncDispose]: () => lifecycle.close(10_000),
  };
}
