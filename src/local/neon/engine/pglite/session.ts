import { randomInt } from "node:crypto";
import { type TimerHandle } from "../../../../core/index.ts";
import { type Multiplexer } from "./multiplexer.ts";
import { type EngineSession, type Turn } from "../engine.ts";
import { ClientTurns } from "./client-turns.ts";
import { type QueryGroup, QueryGroups, singleStatement } from "./query-group.ts";
import { type Effect } from "./effects.ts";
import { type SessionSettings } from "./session-settings.ts";
import { BodyReader, client, fatal, type Frame, server, SqlFault, type TransactionStatus } from "../../wire/index.ts";

export interface PgliteSessionOptions {
  /** What the start-up message asked for. @defaultValue none */
  readonly settings?: SessionSettings;
  /** What a new client is told of the server. @defaultValue nothing */
  readonly reported?: ReadonlyMap<string, string>;
  /** Receives what comes without being asked for: notifications. */
  readonly onNotification?: (bytes: Buffer) => void;
  /** The session was ended from this side; its client is to be told why, and to go. */
  readonly onEnded?: (reason?: SqlFault) => void;
}

/**
 * One of the many sessions that share the backend: holds it while a transaction is open, and leaves it clean.
 * Its caller runs one group after the other.
 */
export class Session implements EngineSession {
  readonly pid: number;
  readonly secret = randomInt(0x7fff_ffff);
  readonly reported: ReadonlyMap<string, string>;
  readonly channels = new Set<string>();
  readonly #groups: QueryGroups;
  readonly #turns: ClientTurns;
  readonly #mux: Multiplexer;
  readonly #options: PgliteSessionOptions;
  readonly #customSettings = new Set<string>();
  #settings: SessionSettings;
  #status: TransactionStatus = "I";
  /** A Flush was answered, a Sync is still to come. */
  #isMidGroup = false;
  #effects: Effect[] = [];
  #hasLeftTraces = false;
  #idle: TimerHandle | undefined;
  #ended: SqlFault | undefined;
  #leaving: Promise<void> | undefined;

  /** @internal made by the multiplexer */
  constructor(mux: Multiplexer, pid: number, options: PgliteSessionOptions) {
    this.#mux = mux;
    this.pid = pid;
    this.#groups = new QueryGroups(pid.toString(36));
    this.#turns = new ClientTurns(this.#groups, (group, write) => this.#run(group, write));
    this.reported = options.reported ?? new Map();
    this.#options = options;
    this.#settings = options.settings ?? new Map();
    for (const name of this.#settings.keys()) if (name.includes(".")) this.#customSettings.add(name);
  }

  get status(): TransactionStatus {
    return this.#status;
  }

  get #holdsBackend(): boolean {
    return this.#status !== "I" || this.#isMidGroup;
  }

  receive(message: Frame): Turn | undefined {
    return this.#turns.receive(message);
  }

  statement(sql: string, params: readonly (string | null)[]): Turn {
    return this.#turns.of(singleStatement(sql, params));
  }

  /**
   * Waits for its turn, runs the group, and hands the answer to `write` as it comes.
   * @throws SqlFault 57014 when cancelled while waiting, 25P03 and 57P01 when ended from this side
   */
  async #run(group: QueryGroup, write: (bytes: Buffer) => void): Promise<void> {
    this.#idle?.cancel();
    await this.#mux.lock.acquire(this);
    try {
      if (this.#ended) throw this.#ended;
      if (!this.#holdsBackend) await this.#adoptSettings();
      const answer = new GroupAnswer(group, write);
      this.#note(group.effects);
      await this.#mux.backend.execute(
        group.bytes,
        (frame) => answer.take(frame),
        () => answer.passOn(),
      );
      this.#isMidGroup = !group.isComplete;
      this.#status = answer.status ?? this.#status;
      if (!this.#holdsBackend) await this.#settle(answer.isRolledBack);
      for (const { channel, payload } of answer.notifications) this.#mux.notify(this, channel, payload);
    } finally {
      if (this.#holdsBackend) this.#watch();
      else this.#mux.lock.release(this);
    }
  }

  /** Delivers if the session listens. */
  notify(from: Session, channel: string, payload: string): void {
    if (this.channels.has(channel)) this.#options.onNotification?.(server.notification(from.pid, channel, payload));
  }

  /** Takes back what still waits for its turn; what runs cannot be stopped. */
  cancel(reason: SqlFault): void {
    this.#mux.lock.cancel(this, reason);
  }

  abandon(): void {
    this.cancel(fatal("57P01", "the client is gone"));
  }

  /** Ends the session from this side. */
  end(reason: SqlFault): Promise<void> {
    this.#ended ??= reason;
    this.#options.onEnded?.(reason);
    return this.leave();
  }

  /** Gives everything back. To be called when no group is under way; calling it twice is calling it once. */
  leave(): Promise<void> {
    this.#ended ??= fatal("57P01", "the session has ended");
    // It can fail only with the backend itself, and then there is nothing left to clean.
    this.#leaving ??= this.#leave().then(
      () => this.#mux.remove(this),
      () => this.#mux.remove(this),
    );
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    this.#idle?.cancel();
    const { backend, lock } = this.#mux;
    const closing = this.#groups.closeAll();
    const isClean = !this.#holdsBackend && !this.#hasLeftTraces && closing.length === 0 && !this.#mux.isToBeReset(this);
    if (isClean || !backend.isAlive) return;
    await lock.acquire(this);
    try {
      // The Sync would commit what an unfinished group did; it is for the case that the group has failed already.
      const takeBack = Buffer.concat([client.query("ROLLBACK"), client.sync()]);
      if (this.#holdsBackend) await backend.execute(takeBack, () => undefined);
      if (this.#mux.isToBeReset(this)) return await this.#mux.reset();
      if (closing.length > 0) await backend.execute(closing, () => undefined);
      await this.#mux.traces.clean(this);
      if (this.channels.size > 0) await this.#mux.syncChannels(this, [{ kind: "unlisten" }]);
    } finally {
      lock.release(this);
    }
  }

  /** PostgreSQL would have refused a wrong start-up setting at the start, and the connection with it. */
  async #adoptSettings(): Promise<void> {
    try {
      await this.#mux.backend.adopt(this.#settings);
    } catch (error) {
      throw error instanceof SqlFault ? fatal(error.fields.code, error.message) : error;
    }
  }

  #note(effects: readonly Effect[]): void {
    this.#effects.push(...effects);
    for (const effect of effects) {
      this.#hasLeftTraces = true;
      this.#mux.isDirty = true;
      if (effect.kind === "setting" && effect.custom !== undefined) this.#customSettings.add(effect.custom);
    }
  }

  /** After a transaction: reads from the catalogs what of its possible effects came true. */
  async #settle(isRolledBack: boolean): Promise<void> {
    const effects = this.#effects.splice(0);
    if (effects.length === 0) return;
    if (!isRolledBack) await this.#mux.syncChannels(this, effects);
    if (effects.some(({ kind }) => kind === "temp" || kind === "trace")) await this.#mux.traces.note(this);
    if (effects.some((effect) => effect.kind === "setting"))
      this.#settings = await this.#mux.backend.readSettings(this.#customSettings);
  }

  /** PGlite has one session: who sits in a transaction keeps everyone else waiting. */
  #watch(): void {
    const { clock, logger, idleInTransactionTimeoutMs: ms } = this.#mux.options;
    if (ms <= 0 || this.#leaving) return;
    const onIdle = () => {
      logger.warn(
        { service: "neon", pid: this.pid },
        `local Neon: a client idle in a transaction for ${ms} ms was ended`,
      );
      void this.end(fatal("25P03", "terminating connection due to idle-in-transaction timeout"));
    };
    this.#idle = clock.setTimer(onIdle, ms, { keepAlive: false });
  }
}

/** The backend's answer to one group, less what is not this client's. */
class GroupAnswer {
  readonly notifications: { readonly channel: string; readonly payload: string }[] = [];
  status: TransactionStatus | undefined;
  isRolledBack = false;
  readonly #write: (bytes: Buffer) => void;
  readonly #hasCopyData: boolean;
  #replays: number;
  #held: Buffer[] = [];

  constructor(group: QueryGroup, write: (bytes: Buffer) => void) {
    this.#write = write;
    this.#replays = group.replays;
    this.#hasCopyData = group.hasCopyData;
  }

  take({ kind, bytes, body }: Frame): void {
    if (kind === "A") {
      const reader = new BodyReader(body);
      reader.int32();
      return void this.notifications.push({ channel: reader.cstring(), payload: reader.cstring() });
    }
    if (kind === "1" && this.#replays-- > 0) return;
    if (kind === "G" && this.#hasCopyData) return;
    if (kind === "Z") this.status = String.fromCharCode(body[0]!) as TransactionStatus;
    if (kind === "C") this.isRolledBack = body.toString("latin1") === "ROLLBACK\0";
    this.#held.push(bytes);
  }

  passOn(): void {
    if (this.#held.length > 0) this.#write(Buffer.concat(this.#held.splice(0)));
  }
}
