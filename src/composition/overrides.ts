import {
  type Clock,
  type EventName,
  type FetchLike,
  type IntegrationEvents,
  type Logger,
  type Random,
  type Secret,
  type TokenVerifier,
} from "../core/index.ts";
import { type ConnectionPoolManager } from "../clients/connection-pool-manager.ts";
import { type NeonClientOptions } from "../clients/neon/index.ts";
import { type OllamaClientOptions } from "../clients/ollama/index.ts";
import { type SupabaseClientOptions } from "../clients/supabase/index.ts";
import { type TinyFishClientOptions } from "../clients/tinyfish/index.ts";
import { type OpenTelemetryApi, type ProcessCheckOptions, type TracePropagation } from "../monitoring/index.ts";
import {
  type FleetBreakersOptions,
  type OutboundLimitsOptions,
  type LimitStore,
  type RedisClientLike,
  type ServicePolicy,
} from "../resilience/index.ts";

/** Given at all, it switches traces on. */
export interface TracingOverrides {
  /** What has the shape of the module `@opentelemetry/api`. @defaultValue that package, which must be installed */
  readonly api?: OpenTelemetryApi;
  /**
   * Who tells the services of the trace: `auto` is us, unless instrumentation of undici (as in
   * `@opentelemetry/auto-instrumentations-node`) does it already. @defaultValue "auto"
   */
  readonly propagation?: TracePropagation;
}

/** Everything that a host may bring itself. What is brought stays the host's to close. */
export interface IntegrationOverrides {
  readonly clock?: Clock;
  readonly random?: Random;
  /** Used by every client that speaks HTTP. @defaultValue the global one, looked up per call */
  readonly fetch?: FetchLike;
  /** @defaultValue pino, as LOG_* say */
  readonly logger?: Logger;
  /**
   * Further values that must come out nowhere, as the settings' secrets do not: the address of a Slack webhook, the key of
   * a service of the host's own. Shorter than 6 characters: ignored.
   */
  readonly secrets?: readonly (Secret | string)[];
  /** Where the default logger writes when LOG_FILE_PATH is not set; a stdio MCP server must keep stdout free. @defaultValue "stdout" */
  readonly logTo?: "stdout" | "stderr";
  /** A ready pool instead of one made from NEON_*. */
  readonly pools?: ConnectionPoolManager;
  /** Judges user tokens instead of the one made from SUPABASE_*. */
  readonly verifier?: TokenVerifier;
  /** A ready Redis client (ioredis or node-redis) over which processes share limits and circuits. @defaultValue one for REDIS_URL */
  readonly redis?: RedisClientLike;
  /**
   * How processes share their circuits over Redis, from `start()` on; `false`: each process has its own. Without a
   * `subscriber` the host's own client is asked every `pollMs`; with REDIS_URL news come at once.
   */
  readonly fleet?: false | Omit<FleetBreakersOptions, "client" | "clock" | "logger">;
  /** Where limits are counted instead. @defaultValue Redis where there is one, else this process's memory */
  readonly limitStore?: LimitStore;
  /**
   * How limits are kept to that services tell in their answers (`RateLimit`, `X-RateLimit-*`, `Retry-After`) or show by
   * refusing: calls wait until they may go, at most `maxHintMs` of the service's policy and within their deadline, or end
   * with `RATE_LIMITED`. `false`: the four clients learn nothing, and each call finds out for itself.
   */
  readonly outbound?: false | Pick<OutboundLimitsOptions, "maxPauseMs">;
  /**
   * How calls are traced through OpenTelemetry; `false`: not at all. @defaultValue as ENABLE_PERFORMANCE_TRACING says, with
   * the package `@opentelemetry/api`
   */
  readonly tracing?: false | TracingOverrides;
  /** When the process itself is to get no more traffic: its event loop lags, its heap fills. @defaultValue never */
  readonly process?: ProcessCheckOptions;
  /**
   * By service (`neon`, `supabase`, `tinyfish`, `ollama`, or one of the host's own): on top of what the settings say. Under
   * `parts` what is to be different for one part, e.g. `{ supabase: { parts: { storage: { concurrency: 4 } } } }`.
   */
  readonly policies?: Readonly<Record<string, ServicePolicy>>;
  /** Options of the clients that no variable names, e.g. `{ ollama: { firstByteTimeoutMs: 60_000 } }`; they win. */
  readonly clients?: {
    readonly neon?: Partial<NeonClientOptions>;
    readonly supabase?: Partial<SupabaseClientOptions>;
    readonly tinyfish?: Partial<TinyFishClientOptions>;
    readonly ollama?: OllamaClientOptions;
  };
  /** Hears every event from the very first. */
  readonly onEvent?: <N extends EventName>(name: N, event: IntegrationEvents[N]) => void;
}
