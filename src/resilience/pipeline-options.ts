import {
  type CallMeta,
  type CallScopes,
  type CallTracer,
  type Clock,
  type EventBus,
  type Random,
  type Redact,
} from "../core/index.ts";
import { type AnswerCacheOptions } from "./answer-cache.ts";
import { type BreakerSnapshot } from "./breaker-options.ts";
import { type CircuitBreaker } from "./circuit-breaker.ts";
import { type OutboundLimits } from "./outbound-limits.ts";
import { type CallPolicy, type ConcurrencyOptions, type ServicePolicy } from "./policy.ts";
import { type RateLimiter } from "./rate-limiter.ts";

export interface PipelineOptions {
  readonly clock?: Clock;
  /** For jitter. */
  readonly random?: Random;
  /** Told of `call.finished`, `attempt.failed`, `retry.scheduled` and `circuit.*`. */
  readonly events?: EventBus;
  /** Where calls inherit deadline, signal, priority and request id from. */
  readonly scopes?: CallScopes;
  /** Needed by calls that name a limit. It tells of `limit.*` itself: give it the same `events`. */
  readonly limiter?: RateLimiter;
  /** Limits that services impose: their clients' `fetch` learns them, see `OutboundLimits.learn`; attempts keep to them. */
  readonly outbound?: OutboundLimits;
  /** Shares the breakers of all services and parts, of later ones too, with other processes: a `FleetBreakers`. */
  readonly fleet?: { join(breaker: CircuitBreaker): unknown };
  /** Makes a span of every call, attempt and wait, e.g. `openTelemetryTracer` of the monitoring room. @defaultValue none */
  readonly tracer?: CallTracer;
  /**
   * Takes secrets out of what failed attempts say, before anybody hears of it: errors, the ledger, events, spans.
   * `createTextRedactor` of the monitoring room makes one. @defaultValue nothing is taken out
   */
  readonly redact?: Redact;
  /** For every service. */
  readonly defaults?: CallPolicy;
  /** By service; what is missing comes from `defaults`. */
  readonly services?: Readonly<Record<string, ServicePolicy>>;
  /**
   * Attempts in flight in the whole process. An attempt that makes calls of its own holds its permit meanwhile: leave
   * room for them.
   *
   * @defaultValue no bound
   */
  readonly maxConcurrent?: number | ConcurrencyOptions;
  /** Bounds of the cache that calls with a `cache` rule share. */
  readonly cache?: AnswerCacheOptions;
  /** Calls that `explain` remembers, 1 to 100,000. @defaultValue 1,000 */
  readonly remember?: number;
  /** Names the calls. @defaultValue a random prefix per pipeline and a count */
  readonly idFactory?: () => string;
}

/** The stages outermost first, and everything as resolved. Plain data. */
export interface PipelineDescription {
  readonly stages: readonly string[];
  /** What each stage does unless a service or a call says otherwise. */
  readonly settings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly defaults: Readonly<Record<string, unknown>>;
  /** By service; `parts` has the same of its parts. */
  readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly limits: readonly Readonly<Record<string, unknown>>[];
  /** Attempts in flight in the whole process; null: no bound. */
  readonly maxConcurrent: number | null;
}

/** An answer, and how it came about. */
export interface AnswerWithMeta<T> {
  readonly value: T;
  readonly meta: CallMeta;
}

export type ServiceMode = "read-write" | "read-only";

/** A breaker's {@link BreakerSnapshot}, with its service and, if it is the circuit of a part of it, the part. */
export interface ServiceBreaker extends BreakerSnapshot {
  readonly service: string;
  readonly part?: string;
}

/** Attempts in flight, in line, and how many may be in flight now: `Infinity` where there is no bound. */
export interface Occupancy {
  readonly inFlight: number;
  readonly waiting: number;
  readonly max: number;
}

/** How a service does as far as its calls show, or a part of one. */
export interface ServiceReport extends Occupancy {
  readonly name: string;
  /** Undefined: what calls share that name no part. */
  readonly part: string | undefined;
  /** Undefined where it is switched off. */
  readonly breaker: BreakerSnapshot | undefined;
  /** Undefined where there is no bound. */
  readonly budget: { readonly capacity: number; readonly available: number } | undefined;
}
