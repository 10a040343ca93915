import { type EventEmitter } from "node:events";
import type pg from "pg";
import { type Clock, type TimerHandle } from "../../core/index.ts";
import { destroyClient } from "./drivers.ts";
import { type PoolLimits } from "./pool-options.ts";
import { type CloseReason, type WakeUpCause } from "./pool-statistics.ts";

/** What a caller wants of the pool. */
export interface Want {
  /** When it was wanted, on the monotonic clock, ms. */
  readonly since: number;
  readonly cause: WakeUpCause;
  /** Captured only where leaks are looked for. */
  readonly trace: { readonly stack?: string } | undefined;
}

export function wantOf(pool: { readonly clock: Clock; readonly limits: PoolLimits }, cause: WakeUpCause): Want {
  const trace: { stack?: string } | undefined = pool.limits.leakAfterMs > 0 ? {} : undefined;
  if (trace) captureLongStack(trace);
  return { since: pool.clock.now(), cause, trace };
}

/** Ten frames, the usual, are all ours: the caller stands above them. */
const STACK_FRAMES = 40;

function captureLongStack(trace: object): void {
  const { stackTraceLimit } = Error;
  if (stackTraceLimit < STACK_FRAMES) Error.stackTraceLimit = STACK_FRAMES;
  Error.captureStackTrace(trace, wantOf);
  Error.stackTraceLimit = stackTraceLimit;
}

/** What the pool knows about one of its connections. */
export class PoolMember {
  readonly client: pg.PoolClient;
  readonly createdAt: number;
  /** When it is to be replaced. */
  readonly expiresAt: number;
  /** When the server last finished a statement. */
  answeredAt: number;
  idleSince = 0;
  uses = 0;
  /** Since when it is lent, and after how long a wait; undefined: it is not. */
  lentAt: number | undefined;
  waitedMs = 0;
  /** It is being asked whether it lives. */
  isProving = false;
  leakTimer: TimerHandle | undefined;
  /** Known before the borrower gives it back. */
  doomed: CloseReason | undefined;
  #transactionStatus = "I";
  #holdsProcess = true; // as every new socket does

  constructor(client: pg.PoolClient, now: number, lifetimeMs: number, onAnswer: (member: PoolMember) => void) {
    this.client = client;
    this.createdAt = now;
    this.answeredAt = now;
    this.expiresAt = now + lifetimeMs;
    // The one message that ends every statement, whoever sent it and by whatever way.
    connectionOf(client).on("readyForQuery", (message?: { readonly status?: string }) => {
      this.#transactionStatus = message?.status ?? "I";
      onAnswer(this);
    });
  }

  /** The driver has noticed that the connection is gone. */
  get isGone(): boolean {
    const { _queryable, _ending } = this.client as unknown as { _queryable: boolean; _ending: boolean };
    return !_queryable || _ending;
  }

  /** Asks for a sign of life; a connection that gives none in time is doomed as silent and cut. */
  async prove(clock: Clock, timeoutMs: number): Promise<void> {
    this.isProving = true;
    this.keepAlive(true);
    const timer = clock.setTimer(() => {
      this.doomed ??= "silent";
      destroyClient(this.client);
    }, timeoutMs);
    await this.client.query("select 1").catch(() => undefined);
    timer.cancel();
    this.isProving = false;
  }

  /** Whether the process must not end while this connection stands. */
  keepAlive(wanted: boolean): void {
    if (wanted === this.#holdsProcess) return;
    this.#holdsProcess = wanted;
    const { client } = this as unknown as { client: { ref(): void; unref(): void } };
    if (wanted) client.ref();
    else client.unref();
  }

  /** Outside any transaction: the next borrower starts from a clean page. */
  get isClean(): boolean {
    return this.#transactionStatus === "I";
  }
}

function connectionOf(client: pg.ClientBase): EventEmitter {
  return (client as unknown as { connection: EventEmitter }).connection;
}
