import { type Clock, type Logger } from "../../../../core/index.ts";
import { type Backend } from "./backend.ts";
import { FairLock } from "./fair-lock.ts";
import { type PgliteSessionOptions, Session } from "./session.ts";
import { type Effect } from "./effects.ts";
import { quoteIdentifier } from "../../sql/statements.ts";
import { failed, type SqlFault } from "../../wire/index.ts";
import { Traces } from "./traces.ts";

export interface MultiplexerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a client may sit in a transaction, milliseconds; 0: for ever. */
  readonly idleInTransactionTimeoutMs: number;
}

/**
 * Makes PGlite's single session look like many. Each client's groups of messages run whole, a transaction keeps the
 * others waiting in line, and what a session set, prepared or listens to is its own.
 *
 * What cannot be kept apart, because there is but one session beneath, is in the table of docs/local-stack.md.
 */
export class Multiplexer {
  readonly lock = new FairLock<Session>();
  readonly backend: Backend;
  readonly options: MultiplexerOptions;
  /** @internal */
  readonly traces: Traces<Session>;
  readonly #sessions = new Map<number, Session>();
  /** @internal A session left something in the backend that only a reset surely takes away. */
  isDirty = false;
  #lastPid = 0;

  constructor(backend: Backend, options: MultiplexerOptions) {
    this.backend = backend;
    this.options = options;
    this.traces = new Traces(backend);
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  open(options: PgliteSessionOptions = {}): Session {
    const pid = (this.#lastPid = (this.#lastPid % 0x7fff_ffff) + 1);
    const session = new Session(this, pid, options);
    this.#sessions.set(pid, session);
    return session;
  }

  /** A wrong key is ignored, as the protocol wants it. */
  cancel(pid: number, secret: number): void {
    const session = this.#sessions.get(pid);
    if (session?.secret === secret) session.cancel(failed("57014", "canceling statement due to user request"));
  }

  /** No statement begins from now on; those that wait are refused. */
  close(reason: SqlFault): void {
    this.lock.break(reason);
  }

  /** @internal */
  remove(session: Session): void {
    this.#sessions.delete(session.pid);
  }

  /** @internal The last to leave puts out the light. */
  isToBeReset(session: Session): boolean {
    return this.isDirty && [...this.#sessions.values()].every((other) => other === session);
  }

  /** @internal */
  async reset(): Promise<void> {
    await this.backend.reset();
    this.traces.forget();
    this.isDirty = false;
  }

  /** @internal Passes a notification on to all who listen, its sender perhaps among them. */
  notify(from: Session, channel: string, payload: string): void {
    for (const session of this.#sessions.values()) session.notify(from, channel, payload);
  }

  /**
   * @internal Settles whose channels are whose after `session` ran LISTEN or UNLISTEN: a channel that another session
   * still listens to stays open, one that nobody does is closed.
   */
  async syncChannels(session: Session, effects: readonly Effect[]): Promise<void> {
    const changes = effects.filter((effect) => effect.kind === "listen" || effect.kind === "unlisten");
    if (changes.length === 0) return;
    for (const change of changes) {
      if (change.kind === "listen") session.channels.add(change.channel);
      else if (change.channel === undefined) session.channels.clear();
      else session.channels.delete(change.channel);
    }
    const open = await this.backend.channels();
    for (const channel of session.channels) if (!open.has(channel)) session.channels.delete(channel);
    const wanted = new Set([...this.#sessions.values()].flatMap((each) => [...each.channels]));
    const statements = [
      ...[...wanted].filter((channel) => !open.has(channel)).map((channel) => `LISTEN ${quoteIdentifier(channel)}`),
      ...[...open].filter((channel) => !wanted.has(channel)).map((channel) => `UNLISTEN ${quoteIdentifier(channel)}`),
    ];
    if (statements.length > 0) await this.backend.rows(statements.join("; "));
  }
}
