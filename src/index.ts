export {
  createIntegration,
  type Integration,
  type IntegrationDescription,
  type IntegrationOverrides,
  type OperatorAction,
  type StatusSnapshot,
} from "./integration.ts";
export { type Config, type Env, explainConfig, loadConfig, loadEnv, renderEnvExample } from "./config/index.ts";
export {
  type AttemptContext,
  type CacheRule,
  type CallMeta,
  type CallSpec,
  CallScopes,
  type Clock,
  ConfigError,
  type ConfigIssue,
  type ErrorCode,
  EventBus,
  type DegradedReason,
  type EventName,
  type FetchLike,
  type HedgeRule,
  IntegrationError,
  type IntegrationEvents,
  type Logger,
  type Priority,
  type Random,
  type ReadCacheRule,
  type ReadOptions,
  Secret,
  type TokenVerifier,
  type VerifiedToken,
  type Verdict,
} from "./core/index.ts";
export { ConnectionPoolManager } from "./clients/connection-pool-manager.ts";
export {
  type BatchOptions,
  type BatchStatement,
  type BulkInsertOptions,
  type BulkRow,
  type ListenOptions,
  NeonClient,
  type NeonClientOptions,
  type QueryOptions,
  type Row,
  type Rows,
  type StreamOptions,
  type Subscription,
  type Transaction,
  type TransactionOptions,
  type TransactionPool,
  type UserClaims,
} from "./clients/neon/index.ts";
export { OllamaClient, type OllamaClientOptions } from "./clients/ollama/index.ts";
export { SupabaseClient, type SupabaseClientOptions } from "./clients/supabase/index.ts";
export { TinyFishClient, type TinyFishClientOptions, zodToTinyFishSchema } from "./clients/tinyfish/index.ts";
export { SupabaseTokenVerifier } from "./security/index.ts";
export { Listings } from "./listings/index.ts";
export { HealthRegistry, type HealthReport, MonitoringSystem } from "./monitoring/index.ts";
export {
  type AnswerWithMeta,
  type CallRecord,
  CircuitBreaker,
  createPipeline,
  type Decision,
  EnhancedErrorHandler,
  RateLimiter,
  type ServiceMode,
} from "./resilience/index.ts";
