import pg from "pg";
import {
  type Clock,
  EventBus,
  IntegrationError,
  LinkedSignal,
  type Logger,
  raceSignal,
  type Random,
  redactUrls,
  describeThrown,
  silentLogger,
  sleep,
  systemClock,
  systemRandom,
} from "../core/index.ts";
import { type ConnectionTarget, parseConnectionString } from "./neon/connection-string.ts";
import { toNeonError } from "./neon/errors.ts";
import { cancelRequest } from "./pools/cancel-request.ts";
import { clientClass, clientConfig, destroyClient, type DriverOptions, type PoolTransport } from "./pools/drivers.ts";
import { Lease } from "./pools/lease.ts";
import { initialPoolMode, type PoolMode, type PoolObservation, stepPoolMode } from "./pools/pool-mode.ts";
import { poolDefaults, type PoolLimits, type PoolOptions, resolvePoolLimits } from "./pools/pool-options.ts";

export interface PoolStats {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
  readonly max: number;
  /** Connections in use, in percent of `max`. */
  readonly usagePercent: number;
}

export interface PoolHealth {
  readonly status: "up" | "degraded" | "down";
  readonly mode: PoolMode;
  /** Where the answer comes from: `probe` is the only one that sent something. */
  readonly source: "traffic" | "probe";
  /** Milliseconds since the database last answered; absent if it never did. */
  readonly lastAnswerAgeMs?: number;
  readonly pool: PoolStats;
  /** Why it is not up. */
  readonly message?: string;
}

/** From here on callers are about to wait for connections. */
const DEGRADED_USAGE_PERCENT = 90;

/**
 * One pool of connections to one database, over WebSockets for Neon and over TCP for any other PostgreSQL. It makes no
 * connection before the first is wanted, never waits without bound, survives every way in which a connection can die,
 * and judges the database's health by its own traffic, so that a suspended compute is not kept awake by questions.
 *
 * @example
 * const pools = new ConnectionPoolManager({ connectionString, max: 20 });
 * const lease = await pools.connect(signal);
 * try { await lease.query({ text: "select 1" }, signal); } finally { lease.release(); }
 */
export class ConnectionPoolManager {
  /** Where the pool connects to. Holds the password as a Secret. */
  readonly target: ConnectionTarget;
  readonly transport: PoolTransport;
  /** A pg-compatible pool: give it to Kysely, Drizzle or any other tool. Its clients are guarded like our own. */
  readonly pool: pg.Pool;
  readonly limits: PoolLimits;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #events: EventBus;
  readonly #logger: Logger;
  readonly #clients = new Set<pg.PoolClient>();
  #state = initialPoolMode;
  #lastAnswerAt: number | undefined;
  #failure: string | undefined;
  #probe: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #announced = false;

  /** @throws IntegrationError INVALID_INPUT for a malformed connection string (never shown) or options out of range */
  constructor(options: PoolOptions) {
    this.limits = resolvePoolLimits(options);
    this.target = parseConnectionString(options.connectionString);
    const wanted = options.transport ?? poolDefaults.transport;
    this.transport = wanted === "tcp" || (wanted === "auto" && !this.target.isNeon) ? "tcp" : "websocket";
    this.#name = options.name ?? poolDefaults.name;
    this.#clock = options.clock ?? systemClock;
    this.#events = options.events ?? new EventBus();
    this.#logger = options.logger ?? silentLogger;
    this.pool = this.#createPool(options.random ?? systemRandom);
  }

  get mode(): PoolMode {
    return this.#state.mode;
  }

  stats(): PoolStats {
    const { totalCount: total, idleCount: idle, waitingCount: waiting } = this.pool;
    const { max } = this.limits;
    return { total, idle, waiting, max, usagePercent: Math.round(((total - idle) / max) * 100) };
  }

  /**
   * Lends a connection that the server has accepted.
   *
   * @throws IntegrationError QUEUE_FULL when all stayed busy for `connectionTimeoutMs`, NETWORK when none could be made
   * in that time, CLOSED after {@link close}, or the signal's reason
   */
  async connect(signal?: AbortSignal): Promise<Lease> {
    if (this.#closing || this.pool.ending) throw this.#closedError();
    const linked = new LinkedSignal()
      .follow(signal)
      .after(this.limits.connectionTimeoutMs, this.#clock, () => this.#acquireTimeout());
    const pending = this.pool.connect();
    try {
      const client = await raceSignal(pending, linked.signal);
      return new Lease(client, {
        onAnswer: () => this.observe("answered"),
        onUnfinished: () => {
          if (this.transport === "tcp") cancelRequest(this.target, client, this.#clock);
        },
      });
    } catch (thrown) {
      pending.then((client) => client.release()).catch(() => undefined); // it may come after we gave up
      if (signal?.aborted) throw signal.reason;
      if (this.#closing) throw this.#closedError();
      const isQueued = /timeout exceeded when trying to connect$/.test(describeThrown(thrown));
      const error = isQueued
        ? this.#acquireTimeout()
        : toNeonError(thrown, { operation: "connect", phase: "connect", repeatable: true });
      if (error.code !== "QUEUE_FULL") this.observe("connect-failed", error.message);
      throw error;
    } finally {
      linked.dispose();
    }
  }

  /** Tells the pool what traffic outside it learned about the same database, e.g. SQL over HTTP. */
  observe(observation: PoolObservation, reason = "the database answered"): void {
    const failed = observation === "connect-failed";
    if (!failed) this.#lastAnswerAt = this.#clock.now();
    this.#failure = failed ? reason : undefined;
    const before = this.#state.mode;
    this.#state = stepPoolMode(this.#state, observation);
    const { mode } = this.#state;
    if (mode === before) return;
    this.#logger.warn({ pool: this.#name, mode }, `database pool is now ${mode}: ${reason}`);
    this.#events.emit("pool.mode_changed", { pool: this.#name, mode, reason });
  }

  /**
   * Health as the traffic shows it. Only a pool that never had an answer, or whose last attempt failed, asks the
   * database itself: one question at a time, bounded by `connectionTimeoutMs`. Never rejects; a signal that fires
   * ends the waiting, not the question.
   */
  async health(signal?: AbortSignal): Promise<PoolHealth> {
    const isKnown = this.#lastAnswerAt !== undefined && this.#failure === undefined;
    if (!isKnown && !this.#closing) {
      const probe = (this.#probe ??= this.#ask());
      await (signal ? raceSignal(probe, signal).catch(() => undefined) : probe);
    }
    const pool = this.stats();
    const message = this.#closing ? "the pool is closed" : this.#trouble(pool);
    const isSilent = this.#lastAnswerAt === undefined || this.#failure !== undefined;
    const isDown = this.#closing !== undefined || isSilent || this.mode === "offline";
    return {
      status: isDown ? "down" : message === undefined ? "up" : "degraded",
      mode: this.mode,
      source: isKnown ? "traffic" : "probe",
      ...(this.#lastAnswerAt !== undefined && { lastAnswerAgeMs: Math.round(this.#clock.now() - this.#lastAnswerAt) }),
      pool,
      ...(message !== undefined && { message }),
    };
  }

  /**
   * Waits for lent connections to come back, at most `timeoutMs`, then cuts what is left. Idempotent.
   *
   * @param options `timeoutMs` @defaultValue 10000
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return (this.#closing ??= this.#close(options.timeoutMs ?? 10_000));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #createPool(random: Random): pg.Pool {
    const { limits, target, transport } = this;
    const driver: DriverOptions = {
      target,
      transport,
      limits,
      clock: this.#clock,
      onLost: (error) => this.#onLost(error),
    };
    const pool = new pg.Pool({
      ...clientConfig(driver),
      Client: clientClass(driver) as unknown as undefined,
      max: limits.max,
      idleTimeoutMillis: limits.idleTimeoutMs,
      allowExitOnIdle: true,
    });
    // Read by the pool for each new connection: a spread of ages, so that they are not all replaced at once.
    Object.defineProperty(pool.options, "maxLifetimeSeconds", {
      get: () => (limits.maxLifetimeMs * (1 - 0.1 * random.next())) / 1000,
    });
    pool.on("error", () => undefined); // told by the client itself
    pool.on("connect", (client) => {
      this.#clients.add(client);
      this.observe("answered");
    });
    pool.on("remove", (client) => void this.#clients.delete(client));
    for (const event of ["connect", "acquire", "release", "remove"] as const)
      pool.on(event as "connect", () => this.#announce());
    return pool;
  }

  /** One event for all the changes of one turn, told when they are complete. */
  #announce(): void {
    if (this.#announced || !this.#events.has("pool.changed")) return;
    this.#announced = true;
    queueMicrotask(() => {
      this.#announced = false;
      const { total, idle, waiting, max } = this.stats();
      this.#events.emit("pool.changed", { pool: this.#name, total, idle, waiting, max });
    });
  }

  #onLost(error: unknown): void {
    if (this.#closing) return;
    const message = redactUrls(describeThrown(error));
    this.#logger.warn({ pool: this.#name }, `database connection lost: ${message}`);
    this.#events.emit("pool.connection_lost", { pool: this.#name, message });
  }

  async #ask(): Promise<void> {
    try {
      const lease = await this.connect();
      const limit = new LinkedSignal().after(this.limits.connectionTimeoutMs, this.#clock, () =>
        this.#acquireTimeout(),
      );
      try {
        await lease.query({ text: "select 1" }, limit.signal);
      } finally {
        limit.dispose();
        lease.release();
      }
    } catch (thrown) {
      this.#failure ??= redactUrls(describeThrown(thrown));
    } finally {
      this.#probe = undefined;
    }
  }

  #trouble(pool: PoolStats): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#lastAnswerAt === undefined) return "the database has not answered yet";
    if (this.mode === "read-only") return "the database refuses writes";
    if (pool.waiting > 0 || pool.usagePercent >= DEGRADED_USAGE_PERCENT)
      return `${pool.total - pool.idle} of ${pool.max} connections are in use, ${pool.waiting} callers wait`;
    return undefined;
  }

  async #close(timeoutMs: number): Promise<void> {
    const done = new AbortController();
    const drained = this.pool.ending ? Promise.resolve() : this.pool.end();
    await Promise.race([drained.finally(() => done.abort()), sleep(timeoutMs, this.#clock, done.signal)]).catch(
      () => undefined,
    );
    for (const client of this.#clients) destroyClient(client);
    this.#clients.clear();
  }

  #acquireTimeout(): IntegrationError {
    const { waiting, max } = this.stats();
    const { connectionTimeoutMs } = this.limits;
    const isBusy = this.pool.totalCount >= max && this.pool.idleCount === 0;
    return new IntegrationError({
      code: isBusy ? "QUEUE_FULL" : "NETWORK",
      message: isBusy
        ? `all ${max} connections stayed busy for ${connectionTimeoutMs} ms (${waiting} callers wait); raise max, or shorten transactions`
        : `no connection to the database within ${connectionTimeoutMs} ms; if it wakes up slowly, raise connectionTimeoutMs`,
      service: "neon",
      operation: "connect",
      notSent: true,
    });
  }

  #closedError(): IntegrationError {
    return new IntegrationError({ code: "CLOSED", message: `the pool ${this.#name} is closed`, service: "neon" });
  }
}

export { Lease } from "./pools/lease.ts";
export { type NeonTransport, poolDefaults, type PoolLimits, type PoolOptions } from "./pools/pool-options.ts";
export { type PoolMode } from "./pools/pool-mode.ts";
