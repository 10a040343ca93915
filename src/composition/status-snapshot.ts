import { type Silence, type ActiveAlert, type CheckReport, type HealthStatus } from "../monitoring/index.ts";
import {
  type CallRecord,
  type CircuitState,
  type LearnedLimit,
  type LimitDescription,
  type LimitUsage,
} from "../resilience/index.ts";
import { type PoolMode } from "../clients/connection-pool-manager.ts";

/**
 * Everything an operator looks at, at one moment. Plain JSON without secrets, SQL, parameters or users: fit to be shown
 * to whoever may see the metrics.
 */
export interface StatusSnapshot {
  /** Ms since the epoch. */
  readonly at: number;
  readonly app: { readonly name: string; readonly version: string; readonly environment: string };
  /** How far back counts, quantiles and series go, ms; less while it has not been watched for so long. */
  readonly windowMs: number;
  /** `unknown` until the first checks have ended; a snapshot waits for none. */
  readonly health: {
    readonly status: HealthStatus | "unknown";
    readonly checks: Readonly<Record<string, CheckReport>>;
  };
  readonly services: readonly ServiceStatus[];
  readonly pool: PoolStatus;
  readonly limits: readonly LimitStatus[];
  /** What services imposed and calls keep to, by service or quota. */
  readonly outbound: Readonly<Record<string, LearnedLimit>>;
  readonly queue: {
    /** Calls that are not finished. */
    readonly inFlight: number;
    /** Attempts that wait for a place beside others of their service. */
    readonly forPlace: number;
    /** Callers that wait for a limit. */
    readonly forLimit: number;
    /** Callers that wait for a connection to the database. */
    readonly forConnection: number;
  };
  readonly alerts: readonly AlertOnStatus[];
  readonly calls: {
    /** The last ones that failed, newest first. */
    readonly failed: readonly CallRecord[];
    /** The slowest of each service within the window, slowest first. */
    readonly slow: readonly CallRecord[];
  };
  readonly series: StatusSeries;
}

/** Counts and quantiles are over {@link StatusSnapshot.windowMs}. */
export interface ServiceStatus extends Traffic, HeldStatus {
  readonly name: string;
  readonly health: HealthStatus | "unknown";
  /** Writes are refused, see `setMode`. */
  readonly readOnly: boolean;
  /** Those with a circuit of their own. What is said above is of all of them together: the worst circuit, the sums, the lowest budget. */
  readonly parts: readonly PartStatus[];
}

export interface PartStatus extends HeldStatus {
  readonly name: string;
}

/** What is held of a service, or of a part of it. */
export interface HeldStatus {
  /** Null where it is switched off. `remainingMs`: until the next probe is allowed. */
  readonly breaker: { readonly state: CircuitState; readonly remainingMs: number; readonly forMs: number } | null;
  readonly inFlight: number;
  readonly waiting: number;
  /** Attempts at a time; null: no bound. */
  readonly maxInFlight: number | null;
  /** Retries that may still be made; null: no bound. */
  readonly retryBudget: { readonly available: number; readonly capacity: number } | null;
}

export interface Traffic {
  readonly calls: number;
  readonly errors: number;
  readonly retries: number;
  /** Within 2 %; null where no call ended. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}

export interface PoolStatus {
  readonly name: string;
  readonly mode: PoolMode;
  readonly lent: number;
  readonly idle: number;
  readonly waiting: number;
  readonly max: number;
  readonly usagePercent: number;
  /** How long our traffic kept the compute awake since the start. */
  readonly awakeMinutes: number;
  readonly wakeUps: number;
}

export interface LimitStatus extends LimitDescription {
  /** Shared over Redis: as far as this process was told. */
  readonly usage: LimitUsage;
  /** Turned away within the window. */
  readonly refused: number;
  /** Had to wait for their turn within the window. */
  readonly waited: number;
}

export interface AlertOnStatus extends Pick<
  ActiveAlert,
  "name" | "state" | "severity" | "message" | "labels" | "startedAt"
> {
  /** Null for what JSON cannot say: infinite, or not a number. */
  readonly value: number | null;
  /** The silence that keeps people from hearing of it; null: none. */
  readonly silence: Silence | null;
}

/** Columns over {@link times}, oldest first. Where a service was not called, counts are 0 and quantiles null. */
export interface StatusSeries {
  /** Length of one step, ms. */
  readonly stepMs: number;
  /** Steps that are kept. */
  readonly steps: number;
  /** End of each step, ms since the epoch. */
  readonly times: readonly number[];
  readonly services: Readonly<Record<string, TrafficColumns>>;
  readonly pool: {
    readonly lent: readonly number[];
    readonly idle: readonly number[];
    readonly waiting: readonly number[];
  };
}

export type TrafficColumns = { readonly [K in keyof Traffic]: readonly Traffic[K][] };
