import { type Clock, type TimerHandle } from "../../../../core/index.ts";
import { type EngineSession } from "../engine.ts";
import { type PostgresSession } from "./session.ts";

/** As many as Neon's proxy keeps for an endpoint. */
const MAX_IDLE = 20;
const IDLE_MS = 10_000;

interface Idle {
  readonly session: PostgresSession;
  readonly timer: TimerHandle;
}

/** Connections for HTTP requests, one request at a time each, and as good as new for the next. */
export class RequestSessions {
  readonly #connect: () => Promise<PostgresSession>;
  readonly #clock: Clock;
  #idle: Idle[] = [];
  /** Given back, and being cleaned. */
  #resetting = 0;
  #isClosed = false;

  constructor(connect: () => Promise<PostgresSession>, clock: Clock) {
    this.#connect = connect;
    this.#clock = clock;
  }

  /** Connections that no request uses. */
  get idle(): number {
    return this.#idle.filter(({ session }) => !session.isGone).length + this.#resetting;
  }

  /** @throws SqlFault when a connection is needed and refused */
  async take(): Promise<EngineSession> {
    for (let found = this.#idle.pop(); found; found = this.#idle.pop()) {
      found.timer.cancel();
      if (!found.session.isGone) return this.#lend(found.session);
    }
    return this.#lend(await this.#connect());
  }

  close(): void {
    this.#isClosed = true;
    for (const { session, timer } of this.#idle.splice(0)) {
      timer.cancel();
      void session.leave();
    }
  }

  #lend(session: PostgresSession): EngineSession {
    let isBack = false;
    let isCancelled = false;
    const leave = async () => {
      if (isBack) return;
      isBack = true;
      // The request to cancel may arrive late: it must not hit the next one's statement.
      if (isCancelled) session.destroy();
      else void this.#takeBack(session);
    };
    return {
      pid: session.pid,
      secret: session.secret,
      reported: session.reported,
      get status() {
        return session.status;
      },
      receive: (message) => session.receive(message),
      statement: (sql, params) => session.statement(sql, params),
      cancel: () => {
        isCancelled = true;
        session.cancel();
      },
      abandon: () => session.abandon(),
      leave,
    };
  }

  /** The request does not wait for it. */
  async #takeBack(session: PostgresSession): Promise<void> {
    this.#resetting += 1;
    const isClean = !session.isGone && (await session.reset());
    this.#resetting -= 1;
    if (session.isGone) return;
    if (!isClean || this.#isClosed || this.#idle.length >= MAX_IDLE) return session.destroy();
    const end = () => {
      this.#idle = this.#idle.filter((each) => each.session !== session);
      void session.leave();
    };
    this.#idle.push({ session, timer: this.#clock.setTimer(end, IDLE_MS, { keepAlive: false }) });
  }
}
