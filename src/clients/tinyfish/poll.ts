import { type Clock, type Random, sleep } from "../../core/index.ts";
import { isPassing } from "./errors.ts";

export interface PollOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the wait; rejects with its reason. */
  readonly signal: AbortSignal;
  /** Shortest and longest pause, ms. */
  readonly minPollMs: number;
  readonly maxPollMs: number;
}

/** The paid run goes on while the service cannot be asked, so a poll outlives short outages. */
const MAX_FAILURES_IN_A_ROW = 12;

/**
 * Looks at once and then again and again, until `isDone`; yields what it saw each time. The pause is a fifth of the time
 * that has passed, so that the answer is never more than about a fifth late, with a jitter of ±20 %.
 */
export async function* poll<T>(
  look: () => Promise<T>,
  isDone: (seen: T) => boolean,
  options: PollOptions,
): AsyncGenerator<T, void, undefined> {
  const { clock, signal } = options;
  const startedAt = clock.now();
  let failures = 0;
  for (;;) {
    signal.throwIfAborted();
    let hintMs = 0;
    try {
      const seen = await look();
      failures = 0;
      yield seen;
      if (isDone(seen)) return;
    } catch (error) {
      signal.throwIfAborted();
      failures += 1;
      if (!isPassing(error) || failures >= MAX_FAILURES_IN_A_ROW) throw error;
      hintMs = Math.min(error.retryAfterMs ?? 0, options.maxPollMs);
    }
    await sleep(Math.max(hintMs, pauseMs(clock.now() - startedAt, options)), clock, signal);
  }
}

function pauseMs(elapsedMs: number, { random, minPollMs, maxPollMs }: PollOptions): number {
  const jitter = 0.8 + 0.4 * random.next();
  return Math.min(Math.max(elapsedMs / 5, minPollMs), maxPollMs) * jitter;
}
