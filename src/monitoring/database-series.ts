import { type IntegrationEvents } from "../core/index.ts";
import { type HistogramSeries } from "./metrics/histogram.ts";
import { type GaugeSeries } from "./metrics/scalar.ts";
import { type StandardMetrics } from "./standard-metrics.ts";

/** Statements are few; a host that wrote values into its texts would otherwise fill the memory. */
const MAX_BOUND_STATEMENTS = 500;

interface PoolSeries {
  readonly usage: GaugeSeries;
  readonly used: readonly GaugeSeries[];
  readonly idle: readonly GaugeSeries[];
  readonly waiting: readonly GaugeSeries[];
  readonly max: GaugeSeries;
  readonly waitTime: HistogramSeries;
  readonly useTime: HistogramSeries;
}

/**
 * What every statement records, through series bound once per pool, transport and statement: a statement moves a dozen
 * of them, and looking each up by its labels was measured at more than a microsecond in all.
 */
export class DatabaseSeries {
  readonly #metrics: StandardMetrics;
  readonly #pools = new Map<string, PoolSeries>();
  readonly #transports = new Map<string, HistogramSeries>();
  readonly #statements = new Map<string, HistogramSeries>();

  constructor(metrics: StandardMetrics) {
    this.#metrics = metrics;
  }

  queried({ transport, statement, durationMs }: IntegrationEvents["query.finished"]): void {
    const seconds = durationMs / 1_000;
    let byTransport = this.#transports.get(transport);
    if (!byTransport) {
      byTransport = this.#metrics.queryDuration.labels({ transport });
      this.#transports.set(transport, byTransport);
    }
    byTransport.observe(seconds);
    (this.#statements.get(statement) ?? this.#bindStatement(statement)).observe(seconds);
  }

  /** The conventions count failures in the same histogram, told apart by `error.type`: the database's own code, or ours. */
  failed({ statement, code, sqlState = "", durationMs }: IntegrationEvents["query.failed"]): void {
    this.#metrics.dbDuration.observe(durationMs / 1_000, {
      db_system_name: "postgresql",
      db_operation_name: keywordOf(statement),
      db_response_status_code: sqlState,
      error_type: sqlState || code,
    });
  }

  /** From now on the pool's gauges are read when they are looked at: a statement moves none of them. */
  connecting({ pool, gauges }: IntegrationEvents["pool.connecting"]): void {
    const series = this.#pool(pool);
    const used = () => gauges().total - gauges().idle;
    series.usage.compute(() => (100 * used()) / gauges().max);
    for (const each of series.used) each.compute(used);
    for (const each of series.idle) each.compute(() => gauges().idle);
    for (const each of series.waiting) each.compute(() => gauges().waiting);
    series.max.compute(() => gauges().max);
  }

  returned({ pool, waitedMs, usedMs }: IntegrationEvents["pool.connection_returned"]): void {
    const { waitTime, useTime } = this.#pool(pool);
    waitTime.observe(waitedMs / 1_000);
    useTime.observe(usedMs / 1_000);
  }

  #bindStatement(statement: string): HistogramSeries {
    const series = this.#metrics.dbDuration.labels({
      db_system_name: "postgresql",
      db_operation_name: keywordOf(statement),
    });
    if (this.#statements.size < MAX_BOUND_STATEMENTS) this.#statements.set(statement, series);
    return series;
  }

  #pool(pool: string): PoolSeries {
    const known = this.#pools.get(pool);
    if (known) return known;
    const { poolUsage, poolConnections, dbConnections, dbConnectionsMax, dbPending, dbWaitTime, dbUseTime } =
      this.#metrics;
    const named = { db_client_connection_pool_name: pool };
    const both = (state: "used" | "idle") => [
      poolConnections.labels({ pool, state }),
      dbConnections.labels({ ...named, db_client_connection_state: state }),
    ];
    const series: PoolSeries = {
      usage: poolUsage.labels({ pool }),
      used: both("used"),
      idle: both("idle"),
      waiting: [poolConnections.labels({ pool, state: "waiting" }), dbPending.labels(named)],
      max: dbConnectionsMax.labels(named),
      waitTime: dbWaitTime.labels(named),
      useTime: dbUseTime.labels(named),
    };
    this.#pools.set(pool, series);
    return series;
  }
}

/** `select 1f0c92ab` is an unbounded set of names; its keyword is not. */
function keywordOf(statement: string): string {
  return /^[a-z]+/i.exec(statement)?.[0].toUpperCase() ?? "OTHER";
}
