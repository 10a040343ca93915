// The global of the same name is a getter: through it each reading of the clock is a tenth dearer.
import { performance } from "node:perf_hooks";

/**
 * The outside world as the rooms see it: time, chance, logging, HTTP and token verification come in through these
 * ports. This is the only file that touches `Date`, timers, `Math.random` and the console; everything else takes a port.
 */

/** A pending timer. Cancelling twice, or after it fired, does nothing. */
export interface TimerHandle {
  cancel(): void;
}

/** Two clocks for two purposes: `now` measures, `wallNow` dates. */
export interface Clock {
  /** Monotonic milliseconds (fractions possible); the origin is arbitrary. For elapsed time, deadlines and refills. */
  now(): number;
  /** Milliseconds since the Unix epoch. For timestamps only: it may jump. */
  wallNow(): number;
  /**
   * Calls `fn` once after `ms` milliseconds. Waits above {@link MAX_TIMER_MS} are clamped to it (Node would fire at
   * once), negative and NaN ones to 0. `keepAlive: false` lets the process exit while the timer is pending.
   */
  setTimer(fn: () => void, ms: number, options?: { keepAlive?: boolean }): TimerHandle;
}

/** Longest wait a Node timer can hold: 2^31 - 1 ms, about 24.8 days. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Clamps any number, hostile ones included, to what a timer can hold. */
export function clampTimerMs(ms: number): number {
  return ms > 0 ? Math.min(ms, MAX_TIMER_MS) : 0;
}

/** A source of chance. Not for secrets: those come from `node:crypto`. */
export interface Random {
  /** A float in [0, 1). */
  next(): number;
}

/** Structured logging, fields first. pino fits as it is. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The part of `fetch` that we call; the global one fits. */
export type FetchLike = (input: string | URL, init?: RequestInit) => Promise<Response>;

/** What a verified user token says. `claims` holds everything; the named ones are what policies read. */
export interface VerifiedToken {
  readonly userId: string;
  readonly role: string;
  readonly email?: string;
  /** Authenticator assurance level. */
  readonly aal?: string;
  readonly sessionId?: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Proves that a token is genuine and meant for us. Rejects with `UNAUTHENTICATED`, never returns a doubtful token. */
export interface TokenVerifier {
  verify(token: string): Promise<VerifiedToken>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  setTimer(fn, ms, options) {
    const timer = setTimeout(fn, clampTimerMs(ms));
    if (options?.keepAlive === false) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Lets the event loop serve whatever waits (I/O, timers) before a long computation goes on. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const systemRandom: Random = { next: () => Math.random() };

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
