import { type ConnectionPoolManager, poolDefaults } from "../clients/connection-pool-manager.ts";
import { type Config } from "../config/index.ts";
import { type Clock, type EventBus, sleep } from "../core/index.ts";
import { type HealthReport, type MonitoringSystem } from "../monitoring/index.ts";
import { type OutboundLimits, type Pipeline, type RateLimiter } from "../resilience/index.ts";
import { NotableCalls } from "./notable-calls.ts";
import { heldByService, nothingHeld } from "./service-status.ts";
import { noTraffic, StatusHistory } from "./status-history.ts";
import { type AlertOnStatus, type PoolStatus, type ServiceStatus, type StatusSnapshot } from "./status-snapshot.ts";

/** Checks speak to services: a page that is open all day must not ask them more often than this. */
const HEALTH_MAX_AGE_MS = 15_000;
const WATCH_INTERVAL_MS = 2_000;

export interface StatusOptions {
  /** Series hold only steps that ended later, ms since the epoch. @defaultValue all that are kept */
  readonly since?: number;
}

export interface WatchOptions {
  /** Between two snapshots, ms, 100 and above. @defaultValue 2000 */
  readonly intervalMs?: number;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

interface Parts {
  readonly config: Config;
  readonly clock: Clock;
  readonly events: EventBus;
  readonly pipeline: Pipeline;
  /** Undefined: there is no database. */
  readonly pools: ConnectionPoolManager | undefined;
  readonly limits: RateLimiter;
  readonly outbound: OutboundLimits;
  readonly monitoring: MonitoringSystem;
  readonly health: () => Promise<HealthReport>;
}

/** Joins what the rooms know of themselves into one snapshot. Watches the past from {@link start} or the first reader on. */
export class StatusBoard {
  readonly #parts: Parts;
  readonly #history: StatusHistory;
  readonly #calls: NotableCalls;
  readonly #closed = new AbortController();
  #health: HealthReport | undefined;
  #healthAskedAt = -Infinity;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { clock, events, pipeline, pools } = parts;
    this.#calls = new NotableCalls({ clock, events, explain: (callId) => pipeline.explain(callId) });
    this.#history = new StatusHistory({
      ...{ clock, events },
      pool: () => {
        // Once per step: the call log forgets, and a quiet page is no reason to.
        this.#calls.settle();
        const { lent, idle, waiting } = pools?.stats() ?? nothingLent;
        return { lent, idle, waiting };
      },
    });
  }

  start(): void {
    if (this.#closed.signal.aborted) return;
    this.#history.start();
    this.#calls.start();
  }

  close(): void {
    this.#closed.abort();
    this.#history.stop();
    this.#calls.stop();
  }

  /** Waits for nothing. */
  snapshot({ since }: StatusOptions = {}): StatusSnapshot {
    this.start();
    this.#refreshHealth();
    this.#calls.settle();
    const { config, clock, pipeline, limits, outbound } = this.#parts;
    const { name, version, environment } = config.app;
    const services = this.#services();
    const pool = this.#pool();
    return {
      at: clock.wallNow(),
      app: { name, version, environment },
      windowMs: this.#history.windowMs,
      health: this.#health ?? { status: "unknown", checks: {} },
      services,
      pool,
      limits: limits.limits.map((limit) => ({
        ...limit,
        usage: limits.usage(limit.name),
        ...this.#history.limit(limit.name),
      })),
      outbound: outbound.learned(),
      queue: {
        inFlight: pipeline.inFlight,
        forPlace: services.reduce((sum, { waiting }) => sum + waiting, 0),
        forLimit: limits.waiting,
        forConnection: pool.waiting,
      },
      alerts: this.#alerts(),
      calls: { failed: this.#calls.failed, slow: this.#calls.slow },
      series: this.#history.series(since),
    };
  }

  /** The first snapshot has all of the series, the others what is new in it. Ends with the signal, or when closed. */
  async *watch({ intervalMs = WATCH_INTERVAL_MS, signal }: WatchOptions = {}): AsyncGenerator<StatusSnapshot, void> {
    const ended = AbortSignal.any([this.#closed.signal, ...(signal ? [signal] : [])]);
    let since: number | undefined;
    while (!ended.aborted) {
      const snapshot = this.snapshot(since === undefined ? {} : { since });
      since = snapshot.series.times.at(-1) ?? since;
      yield snapshot;
      await sleep(Math.max(100, intervalMs), this.#parts.clock, ended).catch(() => undefined);
    }
  }

  /** Asks the checks; the next snapshots show what they found. */
  async checkHealth(): Promise<HealthReport> {
    this.#healthAskedAt = this.#parts.clock.now();
    return (this.#health = await this.#parts.health());
  }

  #refreshHealth(): void {
    const isFresh = this.#parts.clock.now() - this.#healthAskedAt < HEALTH_MAX_AGE_MS;
    if (!isFresh && !this.#closed.signal.aborted) void this.checkHealth();
  }

  #services(): ServiceStatus[] {
    const { pipeline } = this.#parts;
    const totals = this.#history.totals();
    const held = heldByService(pipeline);
    const names = new Set([...held.keys(), ...totals.keys()]);
    return [...names].map((name) => ({
      name,
      health: this.#health?.checks[name]?.status ?? "unknown",
      // Whom the pipeline does not know, it is not asked about: asking would make it known.
      readOnly: held.has(name) && pipeline.mode(name) === "read-only",
      ...(held.get(name) ?? nothingHeld),
      ...(totals.get(name) ?? noTraffic),
    }));
  }

  #pool(): PoolStatus {
    const { pools } = this.#parts;
    if (!pools) return { name: poolDefaults.name, mode: "offline", ...nothingLent };
    const { lent, idle, waiting, max, usagePercent, awake } = pools.stats();
    const wakeUps = Object.values(awake.wakeUps).reduce((sum, count) => sum + count, 0);
    const awakeMinutes = Math.round(awake.awakeMs / 6_000) / 10;
    return { name: pools.name, mode: pools.mode, lent, idle, waiting, max, usagePercent, awakeMinutes, wakeUps };
  }

  #alerts(): AlertOnStatus[] {
    const { monitoring } = this.#parts;
    return monitoring.activeAlerts().map(({ name, state, severity, message, value, labels, startedAt }) => ({
      ...{ name, state, severity, message, labels, startedAt },
      value: Number.isFinite(value) ? value : null,
      silence: monitoring.notifications.silences.of({ ...labels, alertname: name, severity }) ?? null,
    }));
  }
}

/** Where there is no database. */
const nothingLent = { lent: 0, idle: 0, waiting: 0, max: 0, usagePercent: 0, awakeMinutes: 0, wakeUps: 0 };
