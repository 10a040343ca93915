import type pg from "pg";
import { type IntegrationError } from "../../core/index.ts";
import { isStatementError, toNeonError } from "../neon/errors.ts";
import { ConnectionAttempts } from "./connection-attempts.ts";
import { clientConfig, destroyClient } from "./drivers.ts";
import { type GuardedPoolOptions } from "./guarded-pool-options.ts";
import { IdleShelf } from "./idle-shelf.ts";
import { Partings } from "./partings.ts";
import { closedError, noConnectionError, tooManyWaitError } from "./pool-errors.ts";
import { PoolFace } from "./pool-face.ts";
import { PoolMember, type Want, wantOf } from "./pool-member.ts";
import { gaugesOf } from "./pool-report.ts";
import { type CloseReason, type WakeUpCause } from "./pool-statistics.ts";
import { ToolClients } from "./tool-clients.ts";
import { WaitLine } from "./wait-line.ts";

/**
 * A pool with pg's face, so that Kysely, Drizzle and others take it for theirs, and a core of its own: everything in it
 * is bounded, no connection is bound to the caller for whom it was made, and a doubtful one must prove itself first.
 */
export class GuardedPool extends PoolFace {
  readonly #parts: GuardedPoolOptions;
  readonly #members = new Map<pg.ClientBase, PoolMember>();
  readonly #idle: IdleShelf;
  readonly #line: WaitLine;
  readonly #attempts: ConnectionAttempts;
  readonly #partings: Partings;
  readonly tools: ToolClients;
  #proving = 0;
  /** Idle connections that have not answered since then are doubtful. */
  #doubtBefore = -Infinity;
  #onEmpty: (() => void) | undefined;
  #emptied: Promise<void> | undefined;

  constructor(parts: GuardedPoolOptions) {
    const { limits, target, transport, clock, redact } = parts;
    const driver = { target, transport, limits, clock, redact };
    super({ ...clientConfig(driver), max: limits.max, allowExitOnIdle: true });
    this.#parts = parts;
    this.tools = new ToolClients({ clock, redact });
    this.#line = new WaitLine(clock);
    this.#partings = new Partings({ target, transport, clock, onGone: () => this.#settleEnd() });
    this.#idle = new IdleShelf(clock, limits.idleTimeoutMs, (member) => this.#remove(member, "idle"));
    this.#attempts = new ConnectionAttempts(driver, {
      onConnected: (client, startedAt) => this.#welcome(client, startedAt),
      onFailed: (startedAt, thrown) => this.#attemptFailed(startedAt, thrown),
      onSlow: () => this.#grow(),
      onError: (client, error) => this.#onError(client, error),
    });
    this.on("error", () => undefined); // the report tells it
  }

  get totalCount(): number {
    return this.#members.size + this.#attempts.size;
  }
  get idleCount(): number {
    return this.#idle.size;
  }
  get waitingCount(): number {
    return this.#line.size;
  }
  get lentCount(): number {
    return this.#members.size - this.#idle.size - this.#proving;
  }

  /**
   * Lends a connection that the server has accepted, and lately answered on.
   *
   * @throws IntegrationError QUEUE_FULL, NETWORK, CLOSED …, or the signal's reason
   */
  acquire(signal?: AbortSignal, cause: WakeUpCause = "call"): Promise<pg.PoolClient> {
    if (this.ending) return Promise.reject(closedError(this.#parts.name));
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const { limits, onWanted } = this.#parts;
    const want = wantOf(this.#parts, cause);
    onWanted(cause, want.since);
    const member = this.#takeIdle(want.since);
    if (member && !this.#isDoubtful(member, want.since)) return Promise.resolve(this.#lend(member, want, want.since));
    if (!member && this.totalCount >= limits.max && this.#line.size >= limits.maxWaiting) {
      this.#parts.report.missed("refused", 0);
      return Promise.reject(tooManyWaitError(limits));
    }
    const bounds = { signal, timeoutMs: limits.connectionTimeoutMs, onTimeout: () => this.#timedOut(want) };
    const waiting = this.#line.join(want, bounds);
    if (member) void this.#prove(member);
    this.#grow();
    this.#changed();
    return waiting;
  }

  protected override forTools(client: pg.PoolClient): pg.PoolClient {
    return this.tools.of(client);
  }

  /** Lends a connection that is idle and beyond doubt, if there is one. */
  acquireIdle(): pg.PoolClient | undefined {
    if (this.ending || this.#idle.size === 0) return undefined;
    const want = wantOf(this.#parts, "call");
    const member = this.#takeIdle(want.since);
    if (!member) return undefined;
    if (this.#isDoubtful(member, want.since)) return void this.#idle.put(member, want.since);
    this.#parts.onWanted("call", want.since);
    return this.#lend(member, want, want.since);
  }

  /** Nobody answered a statement for long: what was idle meanwhile may be as dead. */
  doubt(): void {
    this.#doubtBefore = this.#parts.clock.now();
  }

  /** Refuses whoever waits and closes what is idle; resolves when the last connection was given back. */
  end(callback?: () => void): Promise<void> {
    this.#emptied ??= new Promise<void>((resolve) => {
      this.ending = true;
      this.#onEmpty = () => {
        this.ended = true;
        resolve();
      };
      this.#idle.stop();
      this.#line.failAll(closedError(this.#parts.name));
      for (const member of this.#idle.all()) this.#remove(member, "closed");
      this.#attempts.abandonAll();
      this.#settleEnd();
    });
    if (callback) void this.#emptied.then(callback);
    return this.#emptied;
  }

  /** Ends what was not given back: its statements are cancelled on the server, then it is cut. */
  cut(): Promise<void> {
    for (const member of [...this.#members.values()]) this.#remove(member, "closed", { cut: true });
    return this.#partings.settled();
  }

  #takeIdle(now: number): PoolMember | undefined {
    for (let member = this.#idle.take(); member; member = this.#idle.take()) {
      if (member.expiresAt > now && !member.isGone) return member;
      this.#remove(member, member.isGone ? "lost" : "lifetime");
    }
    return undefined;
  }

  #isDoubtful({ answeredAt }: PoolMember, now: number): boolean {
    return answeredAt <= this.#doubtBefore || now - answeredAt >= this.#parts.limits.validateAfterIdleMs;
  }

  /** @param now a fresh reading of the clock: the path of every statement reads it as seldom as it can */
  #lend(member: PoolMember, want: Want, now: number): pg.PoolClient {
    const { clock, limits, report, onLent } = this.#parts;
    const { client } = member;
    member.uses += 1;
    member.lentAt = now;
    member.waitedMs = now - want.since;
    if (want.trace) {
      const tell = () => report.leakSuspected(clock.now() - now, want.trace?.stack ?? "");
      member.leakTimer = clock.setTimer(tell, limits.leakAfterMs, { keepAlive: false });
    }
    member.keepAlive(true);
    let isReleased = false;
    client.release = (error) => {
      if (isReleased) throw new Error("Release called on client which has already been released to the pool.");
      isReleased = true;
      this.#takeBack(member, error);
    };
    report.lent(member.waitedMs);
    onLent(want.cause, now);
    this.emit("acquire", client);
    this.#changed();
    return client;
  }

  #takeBack(member: PoolMember, error: Error | boolean | undefined): void {
    const { clock, limits, report, onReturned } = this.#parts;
    const now = clock.now();
    member.leakTimer?.cancel();
    report.returned(member.waitedMs, now - (member.lentAt ?? now));
    member.lentAt = undefined;
    onReturned(now);
    this.emit("release", error, member.client);
    if (!this.#members.has(member.client)) return; // cut meanwhile
    if (member.isGone) this.#remove(member, "lost");
    else if (error && !isStatementError(error)) this.#remove(member, "discarded", { cut: true });
    else if (!member.isClean) this.#remove(member, "discarded");
    else if (this.ending) this.#remove(member, "closed");
    else if (limits.maxUses > 0 && member.uses >= limits.maxUses) this.#remove(member, "uses");
    else if (member.expiresAt <= now) this.#remove(member, "lifetime");
    else this.#offer(member, now);
  }

  /** To who has waited longest, or to the idle ones. */
  #offer(member: PoolMember, now: number): void {
    if (this.#line.size > 0 && this.#line.serve((want) => this.#lend(member, want, now))) return;
    this.#idle.put(member, now);
    this.#changed();
  }

  #timedOut(want: Want): IntegrationError {
    const { clock, limits, report, onConnectFailed } = this.#parts;
    const isBusy = this.lentCount >= limits.max;
    const error = noConnectionError(limits, this.#line.size, isBusy);
    report.missed("timeout", clock.now() - want.since);
    if (!isBusy) onConnectFailed(error);
    this.#changed();
    return error;
  }

  /** Asks a doubtful connection for a sign of life. Silence condemns all that are as doubtful. */
  async #prove(member: PoolMember): Promise<void> {
    const { clock, limits } = this.#parts;
    const startedAt = clock.now();
    this.#proving += 1;
    await member.prove(clock, limits.validationTimeoutMs);
    this.#proving -= 1;
    if (member.doomed === "silent")
      for (const other of this.#idle.all())
        if (other.answeredAt <= startedAt) this.#remove(other, "silent", { cut: true });
    if (this.ending) this.#remove(member, "closed");
    else if (member.isGone || member.doomed) this.#remove(member, "lost");
    else this.#offer(member, clock.now());
  }

  /** Makes as many connections as there are callers for whom none is about to come. */
  #grow(): void {
    if (this.ending || this.#line.size === 0) return;
    const { limits, report } = this.#parts;
    const before = this.#attempts.size;
    const room = limits.max - this.totalCount;
    this.#attempts.grow(this.#line.size - this.#proving, room, (time) => this.#line.waitingSince(time));
    if (this.#attempts.size > before) report.connecting(() => gaugesOf(this, limits.max));
  }

  #welcome(client: pg.PoolClient, startedAt: number): void {
    const { clock, random, limits, report, onAnswer } = this.#parts;
    const now = clock.now();
    // A spread of ages, so that they are not all replaced at once.
    const lifetimeMs = limits.maxLifetimeMs === 0 ? Infinity : limits.maxLifetimeMs * (1 - 0.1 * random.next());
    const member = new PoolMember(client, now, lifetimeMs, () => {
      onAnswer((member.answeredAt = clock.now()));
    });
    this.#members.set(client, member);
    report.created(now - startedAt);
    onAnswer(now);
    this.emit("connect", client);
    this.#offer(member, now);
  }

  /** The failure of one who waited for this attempt from its beginning. */
  #attemptFailed(startedAt: number, thrown: unknown): void {
    const { limits, report, onConnectFailed } = this.#parts;
    const error = thrown
      ? toNeonError(thrown, { operation: "connect", phase: "connect", repeatable: true })
      : noConnectionError(limits, this.#line.size, false);
    report.connectFailed();
    this.#line.failOne(startedAt, error);
    onConnectFailed(error);
    this.#grow();
    this.#settleEnd();
    this.#changed();
  }

  #onError(client: pg.PoolClient, error: Error): void {
    const member = this.#members.get(client);
    if (!member || member.doomed) return;
    member.doomed = "lost";
    if (!this.ending) this.#parts.report.lost(error);
    if (member.lentAt === undefined && !member.isProving) this.#remove(member, "lost");
    this.emit("error", error, client);
  }

  #remove(member: PoolMember, reason: CloseReason, options: { readonly cut?: boolean } = {}): void {
    const { client } = member;
    if (!this.#members.delete(client)) return;
    const { clock, report } = this.#parts;
    this.#idle.drop(member);
    member.leakTimer?.cancel();
    member.doomed ??= reason;
    report.closed(member.doomed, clock.now() - member.createdAt);
    if (member.isGone) destroyClient(client);
    else if (options.cut) this.#partings.cut(client);
    else this.#partings.part(client);
    this.emit("remove", client);
    this.#grow();
    this.#settleEnd();
    this.#changed();
  }

  #settleEnd(): void {
    if (this.ending && this.totalCount + this.#partings.size === 0) this.#onEmpty?.();
  }

  #changed(): void {
    const { report, limits } = this.#parts;
    report.changed(() => gaugesOf(this, limits.max));
  }
}
