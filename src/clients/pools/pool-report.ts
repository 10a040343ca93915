import { type EventBus, type Logger, describeThrown, redactUrls } from "../../core/index.ts";
import { type AwakeMeter } from "./awake-meter.ts";
import { type CloseReason, DurationSum, type PoolStats } from "./pool-statistics.ts";

/** The pool as it is now. */
export type PoolGauges = Pick<PoolStats, "total" | "idle" | "lent" | "waiting" | "max">;

export function gaugesOf(
  pool: { readonly [K in "totalCount" | "idleCount" | "lentCount" | "waitingCount"]: number },
  max: number,
): PoolGauges {
  const { totalCount: total, idleCount: idle, lentCount: lent, waitingCount: waiting } = pool;
  return { total, idle, lent, waiting, max };
}

/** Counts what happens in a pool and tells it as events. */
export class PoolReport {
  readonly #name: string;
  readonly #events: EventBus;
  readonly #logger: Logger;
  readonly #meter: AwakeMeter;
  readonly #closed = { idle: 0, lifetime: 0, uses: 0, lost: 0, silent: 0, discarded: 0, closed: 0 };
  readonly #wait = new DurationSum();
  readonly #use = new DurationSum();
  #created = 0;
  #connectFailures = 0;
  #timeouts = 0;
  #refused = 0;
  #leaks = 0;
  #announced = false;

  constructor(name: string, events: EventBus, logger: Logger, meter: AwakeMeter) {
    this.#name = name;
    this.#events = events;
    this.#logger = logger;
    this.#meter = meter;
  }

  connecting(gauges: () => PoolGauges): void {
    this.#events.emit("pool.connecting", { pool: this.#name, gauges });
  }

  created(durationMs: number): void {
    this.#created += 1;
    this.#events.emit("pool.connection_created", { pool: this.#name, durationMs });
  }

  connectFailed(): void {
    this.#connectFailures += 1;
  }

  closed(reason: CloseReason, ageMs: number): void {
    this.#closed[reason] += 1;
    this.#events.emit("pool.connection_closed", { pool: this.#name, reason, ageMs });
  }

  lost(error: unknown): void {
    const message = redactUrls(describeThrown(error));
    this.#logger.warn({ pool: this.#name }, `database connection lost: ${message}`);
    this.#events.emit("pool.connection_lost", { pool: this.#name, message });
  }

  lent(waitedMs: number): void {
    this.#wait.add(waitedMs);
  }

  returned(waitedMs: number, usedMs: number): void {
    this.#use.add(usedMs);
    this.#events.emit("pool.connection_returned", { pool: this.#name, waitedMs, usedMs });
  }

  /** A caller got none: refused at once, or after having waited. */
  missed(kind: "timeout" | "refused", waitedMs: number): void {
    if (kind === "timeout") this.#timeouts += 1;
    else this.#refused += 1;
    this.#events.emit("pool.acquire_failed", { pool: this.#name, kind, waitedMs });
  }

  leakSuspected(heldMs: number, stack: string): void {
    this.#leaks += 1;
    const fields = { pool: this.#name, heldMs, stack };
    this.#logger.warn(fields, `a database connection has been held for ${heldMs} ms: is it never given back?`);
    this.#events.emit("pool.leak_suspected", fields);
  }

  /** The compute is awake for longer. */
  awake(options?: { readonly all?: boolean }): void {
    const awakeMs = this.#meter.take(options);
    if (awakeMs > 0) this.#events.emit("pool.awake_extended", { pool: this.#name, awakeMs });
  }

  /** One event for all the changes of one turn, told when they are complete. */
  changed(gauges: () => PoolGauges): void {
    if (this.#announced || !this.#events.has("pool.changed")) return;
    this.#announced = true;
    queueMicrotask(() => {
      this.#announced = false;
      const { total, idle, waiting, max } = gauges();
      this.#events.emit("pool.changed", { pool: this.#name, total, idle, waiting, max });
    });
  }

  read({ total, idle, lent, waiting, max }: PoolGauges): PoolStats {
    return {
      ...{ total, idle, lent, waiting, max },
      usagePercent: Math.round(((total - idle) / max) * 100),
      created: this.#created,
      connectFailures: this.#connectFailures,
      closed: { ...this.#closed },
      timeouts: this.#timeouts,
      refused: this.#refused,
      acquireWait: this.#wait.read(),
      use: this.#use.read(),
      leaks: this.#leaks,
      awake: this.#meter.read(),
    };
  }
}
