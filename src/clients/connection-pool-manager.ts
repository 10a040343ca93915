import type pg from "pg";
import {
  type Clock,
  EventBus,
  LinkedSignal,
  type Logger,
  raceSignal,
  redactUrls,
  describeThrown,
  silentLogger,
  systemClock,
  systemRandom,
} from "../core/index.ts";
import { type ConnectionTarget, parseConnectionString } from "./neon/connection-string.ts";
import { AwakeMeter } from "./pools/awake-meter.ts";
import { type PoolTransport } from "./pools/drivers.ts";
import { GuardedPool } from "./pools/guarded-pool.ts";
import { Lease, type LeaseHooks } from "./pools/lease.ts";
import { OpenRequests } from "./pools/open-requests.ts";
import { noConnectionError, readOnlyError } from "./pools/pool-errors.ts";
import { judgeHealth, type PoolHealth } from "./pools/pool-health.ts";
import { initialPoolMode, type PoolMode, type PoolObservation, stepPoolMode } from "./pools/pool-mode.ts";
import { poolDefaults, type PoolLimits, type PoolOptions, resolvePoolLimits } from "./pools/pool-options.ts";
import { gaugesOf, PoolReport } from "./pools/pool-report.ts";
import { type PoolStats, type WakeResult, type WakeUpCause } from "./pools/pool-statistics.ts";
import { Recovery } from "./pools/recovery.ts";
import { StatementWatch } from "./pools/statement-watch.ts";
import { type StatementListener } from "./pools/tool-clients.ts";
import { within } from "./pools/within.ts";

/** Observations that the compute was awake for. */
const answers: ReadonlySet<PoolObservation> = new Set(["answered", "write-accepted", "write-refused"]);

/**
 * One pool of connections to one database, over WebSockets for Neon and over TCP for any other PostgreSQL. It makes no
 * connection before the first is wanted, never waits without bound, survives every way in which a connection can die,
 * and judges the database's health by its own traffic, so that a suspended compute is not kept awake by questions.
 *
 * When the database fails it says so ({@link mode}), refuses writes, and asks for the database in the background until
 * it is back.
 *
 * @example
 * const pools = new ConnectionPoolManager({ connectionString, max: 20 });
 * const lease = await pools.connect(signal);
 * try { await lease.query({ text: "select 1" }, signal); } finally { lease.release(); }
 */
export class ConnectionPoolManager {
  readonly name: string;
  /** Where the pool connects to. Holds the password as a Secret. */
  readonly target: ConnectionTarget;
  readonly transport: PoolTransport;
  /** A pg-compatible pool: give it to Kysely, Drizzle or any other tool. Its clients are guarded like our own. */
  readonly pool: pg.Pool;
  readonly limits: PoolLimits;
  /** Traffic around the connections, which {@link close} lets end, too. */
  readonly requests: OpenRequests;
  readonly #isReplica: boolean;
  readonly #clock: Clock;
  readonly #events: EventBus;
  readonly #logger: Logger;
  readonly #core: GuardedPool;
  readonly #report: PoolReport;
  readonly #meter: AwakeMeter;
  readonly #recovery: Recovery;
  readonly #leaseHooks: LeaseHooks;
  readonly #unsubscribe: () => void;
  #state = initialPoolMode;
  #reason = "";
  #lastAnswerAt: number | undefined;
  #failure: string | undefined;
  #probe: Promise<void> | undefined;
  #waking: Promise<WakeResult> | undefined;
  #closing: Promise<void> | undefined;

  /** @throws IntegrationError INVALID_INPUT for a malformed connection string (never shown) or options out of range */
  constructor(options: PoolOptions) {
    const { clock = systemClock, random = systemRandom, events = new EventBus(), logger = silentLogger } = options;
    const { name = poolDefaults.name, transport: wanted = poolDefaults.transport } = options;
    const limits = (this.limits = resolvePoolLimits(options));
    const target = (this.target = parseConnectionString(options.connectionString));
    this.transport = wanted === "tcp" || (wanted === "auto" && !target.isNeon) ? "tcp" : "websocket";
    this.name = name;
    this.requests = new OpenRequests(name);
    this.#isReplica = options.isReplica ?? false;
    this.#clock = clock;
    this.#events = events;
    this.#logger = logger;
    this.#meter = new AwakeMeter(limits.suspendAfterMs);
    this.#report = new PoolReport(name, events, logger, this.#meter);
    this.#recovery = new Recovery({
      ...{ pool: name, quietAfterMs: limits.suspendAfterMs, clock, random, events },
      ask: () => this.#askForWrites(),
      onPaused: () => this.observe("gave-up", "nobody asked for it; the next call finds out"),
    });
    this.#core = new GuardedPool({
      ...{ name, target, transport: this.transport, limits, clock, random, report: this.#report },
      redact: options.redact,
      onWanted: (cause, now) => (cause === "call" ? this.#recovery.wanted(now) : undefined),
      onLent: (cause, now) => (this.#meter.lent(now, cause), this.#report.awake()),
      onReturned: (now) => this.#meter.returned(now),
      onAnswer: (now) => this.#learn("answered", "the database answered", now),
      onConnectFailed: ({ message }) => this.observe("connect-failed", message),
    });
    this.pool = this.#core as unknown as pg.Pool;
    this.#leaseHooks = {
      onSilence: (silentMs) => {
        if (silentMs >= limits.validationTimeoutMs) this.#core.doubt();
      },
      ...{ now: () => clock.now(), watch: new StatementWatch(clock, limits.queryTimeoutMs), redact: options.redact },
    };
    this.#unsubscribe = events.on("circuit.opened", ({ service, part, reason }) => {
      if (service === "neon" && part === undefined && !this.#isReplica) this.observe("circuit-opened", reason);
    });
  }

  get mode(): PoolMode {
    return this.#isReplica && this.#state.mode === "read-write" ? "read-only" : this.#state.mode;
  }

  /** No connection could be made lately; the pool asks for the database in the background. */
  get isOffline(): boolean {
    return this.#state.mode === "offline";
  }

  stats(): PoolStats {
    return this.#report.read(gaugesOf(this.#core, this.limits.max));
  }

  /**
   * Lends a connection that the server has accepted, and lately answered on.
   *
   * @throws IntegrationError QUEUE_FULL when all stayed busy for `connectionTimeoutMs`, or at once when `maxWaiting`
   * callers wait already; NETWORK when none could be made in that time, CLOSED after {@link close}, or the signal's reason
   */
  connect(signal?: AbortSignal): Promise<Lease> {
    return this.#lease(signal, "call");
  }

  /** {@link connect} where that takes no wait at all: an idle connection that lately answered. Else undefined. */
  connectNow(): Lease | undefined {
    const client = this.#core.acquireIdle();
    return client && new Lease(client, this.#leaseHooks);
  }

  /**
   * For whoever is about to write: while the database is known to take no writes, waiting for it would only cost time.
   *
   * @throws IntegrationError READ_ONLY, with the reason
   */
  assertWritable(): void {
    if (this.mode === "read-write") return;
    this.#recovery.wanted(this.#clock.now());
    throw readOnlyError(this.name, this.#isReplica ? "it is a replica" : this.#reason);
  }

  /** Has one be told of what other tools run on {@link pool}: the first client of this pool that asks. */
  tellStatementsTo(listener: StatementListener): void {
    this.#core.tools.listener ??= listener;
  }

  /** Tells the pool of a replica that the primary had to answer in its place. */
  tellFallback(reason: string): void {
    this.#recovery.wanted(this.#clock.now());
    this.#events.emit("pool.fell_back", { pool: this.name, reason: redactUrls(reason) });
  }

  /** Tells the awake meter of use that went around the pool, e.g. by a subscription. */
  touch(): void {
    this.#meter.touch(this.#clock.now());
    this.#report.awake();
  }

  /** Tells the pool what traffic outside it learned about the same database, e.g. SQL over HTTP. */
  observe(observation: PoolObservation, reason = "the database answered"): void {
    if (answers.has(observation)) this.touch();
    this.#learn(observation, reason);
  }

  #learn(observation: PoolObservation, reason: string, now = this.#clock.now()): void {
    if (observation === "connect-failed") {
      this.#failure = reason;
      this.#recovery.missed();
    } else if (answers.has(observation)) {
      this.#lastAnswerAt = now;
      this.#failure = undefined;
    }
    const before = this.#state.mode;
    this.#state = stepPoolMode(this.#state, observation);
    const { mode } = this.#state;
    if (mode === before || this.#closing) return;
    this.#reason = redactUrls(reason);
    this.#logger.warn({ pool: this.name, mode }, `database pool is now ${mode}: ${this.#reason}`);
    this.#events.emit("pool.mode_changed", { pool: this.name, mode, reason: this.#reason });
    this.#recovery.follow(mode, this.#reason);
  }

  /**
   * Wakes a suspended compute with one statement, bounded by `connectionTimeoutMs`; many who ask at once share it.
   *
   * @throws IntegrationError what {@link connect} throws, or the signal's reason, which ends the waiting alone
   */
  wake(signal?: AbortSignal): Promise<WakeResult> {
    const waking = (this.#waking ??= this.#wake().finally(() => (this.#waking = undefined)));
    return signal ? raceSignal(waking, signal) : waking;
  }

  /**
   * Health as the traffic shows it. Only a pool that never had an answer, or whose last attempt failed, asks the
   * database itself: one question at a time, bounded by `connectionTimeoutMs`. Never rejects; a signal that fires
   * ends the waiting, not the question.
   */
  async health(signal?: AbortSignal): Promise<PoolHealth> {
    const isKnown = this.#lastAnswerAt !== undefined && this.#failure === undefined;
    if (!isKnown && !this.#closing) {
      const probe = (this.#probe ??= this.#ask("probe", this.limits.connectionTimeoutMs)
        .catch((thrown: unknown) => {
          this.#failure ??= redactUrls(describeThrown(thrown));
        })
        .then(() => (this.#probe = undefined)));
      await (signal ? raceSignal(probe, signal).catch(() => undefined) : probe);
    }
    return judgeHealth({
      mode: this.#state.mode,
      source: isKnown ? "traffic" : "probe",
      lastAnswerAgeMs: this.#lastAnswerAt === undefined ? undefined : this.#clock.now() - this.#lastAnswerAt,
      pool: this.stats(),
      failure: this.#failure,
      isClosed: this.#closing !== undefined,
    });
  }

  /**
   * Refuses who waits with CLOSED, waits for lent connections to come back, at most `timeoutMs`; then cancels what
   * still runs on the server and cuts what is left. Idempotent.
   *
   * @param options `timeoutMs` @defaultValue 10000
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    return (this.#closing ??= this.#close(options.timeoutMs ?? 10_000));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #lease(signal: AbortSignal | undefined, cause: WakeUpCause): Promise<Lease> {
    return new Lease(await this.#core.acquire(signal, cause), this.#leaseHooks);
  }

  async #wake(): Promise<WakeResult> {
    const startedAt = this.#clock.now();
    const wasAsleep = this.#meter.isAsleep(startedAt);
    await this.#ask("wake", this.limits.connectionTimeoutMs);
    return { durationMs: this.#clock.now() - startedAt, wasAsleep };
  }

  /** One statement, bounded in all. @returns whether a transaction would be read-only */
  async #ask(cause: WakeUpCause, timeoutMs: number): Promise<boolean> {
    const limit = new LinkedSignal().after(timeoutMs, this.#clock, () => noConnectionError(this.limits, 0, false));
    try {
      const lease = await this.#lease(limit.signal, cause);
      try {
        const text = "select current_setting('transaction_read_only') = 'on' as read_only";
        return ((await lease.query({ text }, limit.signal)).rows[0] as { read_only: boolean }).read_only;
      } finally {
        lease.release();
      }
    } finally {
      limit.dispose();
    }
  }

  async #askForWrites(): Promise<"writable" | "read-only" | "failed"> {
    try {
      const isReadOnly = await this.#ask("probe", this.limits.validationTimeoutMs);
      if (isReadOnly && !this.#isReplica) this.observe("write-refused", "the server is in read-only mode");
      else this.observe("write-accepted");
      return isReadOnly ? "read-only" : "writable";
    } catch {
      return "failed";
    }
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#unsubscribe();
    this.#recovery.stop();
    await within(timeoutMs, this.#clock, Promise.all([this.#core.end(), this.requests.end()]));
    this.requests.cut();
    await this.#core.cut();
    this.#report.awake({ all: true });
  }
}

export { Lease } from "./pools/lease.ts";
export { type NeonTransport, poolDefaults, type PoolLimits, type PoolOptions } from "./pools/pool-options.ts";
export { type PoolHealth } from "./pools/pool-health.ts";
export { type PoolMode } from "./pools/pool-mode.ts";
export { type AwakeStats, type CloseReason, type PoolStats, type WakeResult } from "./pools/pool-statistics.ts";
