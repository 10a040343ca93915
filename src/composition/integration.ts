import { type ConnectionPoolManager } from "../clients/connection-pool-manager.ts";
import { type NeonClient } from "../clients/neon/index.ts";
import { type OllamaClient } from "../clients/ollama/index.ts";
import { type SupabaseClient } from "../clients/supabase/index.ts";
import { type TinyFishClient } from "../clients/tinyfish/index.ts";
import { type Config } from "../config/index.ts";
import {
  type AttemptContext,
  type CallScopes,
  type CallSpec,
  type Clock,
  type EventBus,
  type Logger,
} from "../core/index.ts";
import { type Listings } from "../listings/index.ts";
import { type HealthReport, type MonitoringSystem, type ReadinessReport } from "../monitoring/index.ts";
import {
  type AnswerWithMeta,
  type CallRecord,
  type CircuitState,
  type EnhancedErrorHandler,
  type LearnedLimit,
  type OutboundLimits,
  type PipelineDescription,
  type RateLimiter,
  type ServiceMode,
} from "../resilience/index.ts";
import { type OperatorAction } from "./operate.ts";
import { type StatusSnapshot } from "./status-snapshot.ts";
import { type StatusOptions, type WatchOptions } from "./status.ts";

/** Neon, Supabase, TinyFish and Ollama as one object, and the rooms that every call goes through. */
export interface Integration extends AsyncDisposable {
  /** Frozen; secrets are `Secret`s. */
  readonly config: Config;
  /** The database. Without its settings each call rejects with `FEATURE_DISABLED` naming the variable; so do the other clients'. */
  readonly neon: NeonClient;
  /** Sign-in, storage, and the vendor's own client (`admin`, `forUser`). */
  readonly supabase: SupabaseClient;
  /** Runs of an agent on web pages, search and fetch. */
  readonly tinyfish: TinyFishClient;
  /** Chats, objects by a schema, embeddings. */
  readonly ollama: OllamaClient;
  /** The database's connections: statistics, health, mode, `wake()`. */
  readonly pools: ConnectionPoolManager;
  /** The real-estate domain over the four: scrape, store, embed, search, watch. */
  readonly listings: Listings;
  /** Retries around any function, apart from the rooms; {@link call} goes through all of them. */
  readonly errors: EnhancedErrorHandler;
  /** The RATE_LIMIT_* limits: `check`, `acquire`. */
  readonly limits: RateLimiter;
  /** What services tell of their own limits; `outbound.learn` adds a host's own service. */
  readonly outbound: OutboundLimits;
  /** Metrics, alerts, objectives. */
  readonly monitoring: MonitoringSystem;
  /** What happens, as it happens: `events.on("retry.scheduled", …)`. Listeners can delay and change nothing. */
  readonly events: EventBus;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Deadline, signal and request id that calls inherit; hosts open one per request. */
  readonly scopes: CallScopes;

  /** A host's own service through the same rooms. */
  call<T>(spec: CallSpec, attempt: (context: AttemptContext) => Promise<T>): Promise<T>;
  /** {@link call}, and how the answer came about: after how many attempts, from the cache, degraded and why. */
  callWithMeta<T>(spec: CallSpec, attempt: (context: AttemptContext) => Promise<T>): Promise<AnswerWithMeta<T>>;
  /** While a service is read-only, calls that write are refused with `READ_ONLY`; what is cached is still given.
   * Holds until `read-write` takes it back, which leaves alone what the pool has found out about its database. */
  setMode(service: string, mode: ServiceMode, reason: string): void;
  /** Forgets a cached answer that is known to be wrong now. @returns whether there was one */
  forget(service: string, operation: string, key: string): boolean;
  /** Starts background checks and the metrics server, as the settings say. Calls work without it. Idempotent; may be tried again after a failure. */
  start(): Promise<void>;
  /** Stops intake, waits for calls in flight, then closes everything; at most `timeoutMs`. Idempotent. @defaultValue 10000 */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** How is everything? Asks every check, or gives its finding of the last 5 s. */
  health(): Promise<HealthReport>;
  /** Should traffic come here? */
  ready(): Promise<ReadinessReport>;
  /** Is the process alive? Touches no service. */
  live(): { readonly status: "up" };
  /** Has {@link start} succeeded? Until then a probe of readiness says little. Touches no service. */
  started(): boolean;
  /** The rooms in order with their settings, the breakers' states, and who shares them. */
  describe(): IntegrationDescription;
  /** What happened to one of the last 1,000 calls. */
  explain(callId: string): CallRecord | undefined;
  /**
   * What operators look at, with the last 15 minutes as series: what `opsRouter` shows. The minutes count from
   * {@link start}, or else from the first reader.
   */
  status(options?: StatusOptions): StatusSnapshot;
  /** {@link status} again and again: all of the series first, then what is new. Ends with its signal, or with the integration. */
  watchStatus(options?: WatchOptions): AsyncGenerator<StatusSnapshot, void>;
  /**
   * Isolates or closes a circuit, silences an alert. Told as `operator.acted`, and logged.
   * @param by who does it
   * @throws IntegrationError NOT_FOUND for an unknown service, alert or silence; INVALID_INPUT for no action
   */
  operate(action: OperatorAction, by: string): void;
}

/** What {@link Integration.describe} tells. */
export interface IntegrationDescription extends PipelineDescription {
  /** By service, the worst of its circuits; and each part by itself, e.g. `supabase.storage`. */
  readonly breakers: Readonly<Record<string, CircuitState>>;
  /** Whether Redis answers, so that other processes' circuits are known here; null: circuits are not shared. */
  readonly fleet: { readonly connected: boolean } | null;
  /** Limits that services imposed and that calls keep to now, by service or quota. */
  readonly outbound: Readonly<Record<string, LearnedLimit>>;
}
