import type pg from "pg";
import { type Clock, type TimerHandle } from "../../core/index.ts";
import { cleanFailure, clientClass, clientConfig, destroyClient, type DriverOptions } from "./drivers.ts";

/** A connection that takes longer to make may never stand: whoever waits gets another attempt, within a second of a path's healing. */
const SLOW_ATTEMPT_MS = 700;

interface Attempt {
  readonly client: pg.PoolClient;
  readonly startedAt: number;
  timers: readonly TimerHandle[];
  isSlow: boolean;
}

export interface AttemptHooks {
  readonly onConnected: (client: pg.PoolClient, startedAt: number) => void;
  /** With the driver's error, or none if the time was over. */
  readonly onFailed: (startedAt: number, thrown?: unknown) => void;
  /** One has become slow: whoever waits may want another. */
  readonly onSlow: () => void;
  readonly onError: (client: pg.PoolClient, error: Error) => void;
}

/** Connections that are being made. None is bound to a caller: it goes to whoever waits when it stands. */
export class ConnectionAttempts {
  readonly #driver: DriverOptions;
  /** Made once: clients of one class each are all different to the compiler, pg's own methods included. */
  readonly #Client: ReturnType<typeof clientClass>;
  readonly #clock: Clock;
  readonly #hooks: AttemptHooks;
  readonly #attempts = new Set<Attempt>();

  constructor(driver: DriverOptions, hooks: AttemptHooks) {
    this.#driver = driver;
    this.#Client = clientClass(driver);
    this.#clock = driver.clock;
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#attempts.size;
  }

  /**
   * Makes connections for callers who wait, as far as there is room; a slow attempt that nobody waits for any more gives way.
   *
   * @param waitingSince how many callers have waited since that time
   */
  grow(waiting: number, room: number, waitingSince: (time: number) => number): void {
    const now = this.#clock.now();
    let slow = 0;
    for (const { isSlow } of this.#attempts) if (isSlow) slow += 1;
    const wanted = waiting - (this.#attempts.size - slow);
    let spare = slow - waitingSince(now - SLOW_ATTEMPT_MS);
    let left = room;
    for (let missing = wanted; missing > 0; missing -= 1) {
      if (left > 0) left -= 1;
      else if (spare-- > 0) this.#abandonOldest();
      else return;
      this.#open();
    }
  }

  abandonAll(): void {
    for (const attempt of this.#attempts) this.#abandon(attempt);
  }

  #open(): void {
    const { limits } = this.#driver;
    const Client = this.#Client;
    const client = new Client({ ...clientConfig(this.#driver), connectionTimeoutMillis: 0 }) as pg.PoolClient;
    const attempt: Attempt = { client, startedAt: this.#clock.now(), timers: [], isSlow: false };
    this.#attempts.add(attempt);
    const onTimeout = () => {
      this.#abandon(attempt);
      this.#hooks.onFailed(attempt.startedAt);
    };
    // A timer may fire a little before its time by the clock, so what it says is kept.
    const onSlow = () => {
      attempt.isSlow = true;
      this.#hooks.onSlow();
    };
    attempt.timers = [
      this.#clock.setTimer(onTimeout, limits.connectionTimeoutMs),
      this.#clock.setTimer(onSlow, SLOW_ATTEMPT_MS, { keepAlive: false }),
    ];
    client.on("error", (error) => this.#hooks.onError(client, cleanFailure(error, this.#driver) as Error));
    void client.connect((thrown?: unknown) => {
      stopTimers(attempt);
      const isWanted = this.#attempts.delete(attempt);
      if (isWanted && !thrown) return this.#hooks.onConnected(client, attempt.startedAt);
      destroyClient(client);
      if (isWanted) this.#hooks.onFailed(attempt.startedAt, cleanFailure(thrown, this.#driver));
    });
  }

  #abandonOldest(): void {
    const [oldest] = this.#attempts;
    if (oldest) this.#abandon(oldest);
  }

  #abandon(attempt: Attempt): void {
    stopTimers(attempt);
    this.#attempts.delete(attempt);
    destroyClient(attempt.client);
  }
}

function stopTimers({ timers }: Attempt): void {
  for (const timer of timers) timer.cancel();
}
