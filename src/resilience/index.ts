export {
  type AttemptContext,
  type CacheRule,
  type CallMeta,
  type CallSpec,
  type DegradedReason,
  type HedgeRule,
  IntegrationError,
  type Priority,
  type Redact,
} from "../core/index.ts";
export { type AnswerCacheOptions } from "./answer-cache.ts";
export {
  type BreakerListener,
  type BreakerOptions,
  type BreakerSnapshot,
  type CircuitBreakerOptions,
  type CircuitState,
} from "./breaker-options.ts";
export { type BreakerSettings } from "./breaker-step.ts";
export { type CallRecord, type CallStep } from "./call-record.ts";
export { CircuitBreaker, REFUSED } from "./circuit-breaker.ts";
export {
  EnhancedErrorHandler,
  type ErrorHandlerOptions,
  type HandleOptions,
  type OperationContext,
} from "./error-handler.ts";
export { FleetBreakers } from "./fleet/fleet-breakers.ts";
export { type FleetBreakersOptions } from "./fleet/fleet-options.ts";
export { type FleetSubscriber, type IoredisSubscriber, type NodeRedisSubscriber } from "./fleet/subscription.ts";
export { type Decision, type GcraRate } from "./gcra.ts";
export { type AddressKeyOptions, limitKeyOfAddress } from "./limit-keys.ts";
export { type LimitStore, type ResolvedLimit, type ResolvedPolicy } from "./limit-store.ts";
export { type LimitUsage, type PolicyUsage } from "./limit-usage.ts";
export { MemoryLimitStore, type MemoryLimitStoreOptions } from "./memory-limit-store.ts";
export {
  type OutboundAnswer,
  type OutboundDecision,
  OutboundLimits,
  type OutboundLimitsOptions,
  type OutboundWait,
} from "./outbound-limits.ts";
export { type LearnedLimit, type OutboundState } from "./outbound-step.ts";
export { parseWindowMs } from "./parse-window.ts";
export { createPipeline, type Pipeline } from "./pipeline.ts";
export {
  type AnswerWithMeta,
  type Occupancy,
  type PipelineDescription,
  type PipelineOptions,
  type ServiceBreaker,
  type ServiceMode,
  type ServiceReport,
} from "./pipeline-options.ts";
export { type CallPolicy, type ConcurrencyOptions, type PartPolicy, type ServicePolicy } from "./policy.ts";
export {
  type AcquireOptions,
  type CheckOptions,
  type LimitDescription,
  type LimitOptions,
  type RateLimiterOptions,
} from "./rate-limit-options.ts";
export { RateLimiter } from "./rate-limiter.ts";
export { type IoredisLike, type NodeRedisLike, type RedisClientLike } from "./redis/redis-client.ts";
export { type RedisLimitStoreOptions } from "./redis/redis-limit-options.ts";
export { RedisLimitStore } from "./redis/redis-limit-store.ts";
export { RetryBudget, type RetryBudgetOptions } from "./retry-budget.ts";
export { type DropPolicy } from "./wait-line.ts";
export { worstCircuit } from "./worst-circuit.ts";
