import { type CallScopes, type Clock, IntegrationError, LinkedSignal, sleep } from "../core/index.ts";

/** How often a step of a long job is taken up again after its call gave up. */
const MAX_DELIVERIES = 8;
/** The first wait; it doubles up to the second figure. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** A service that wants to be left alone for longer than this (a spent daily budget) will not pass while a job waits. */
const LONGEST_HINT_MS = 60_000;

/**
 * Takes a step of a long job up again when its call gave up for a reason that passes: an open circuit, a limit, a
 * service that is down or takes no writes. It is a job's second delivery and no retry: each delivery is a call of its own, under all
 * policies, and only steps that may be repeated without effect come here. Nothing is delivered past the deadline of the
 * request that the job belongs to.
 */
export class Redelivery {
  readonly #clock: Clock;
  readonly #scopes: CallScopes;

  constructor(clock: Clock, scopes: CallScopes) {
    this.#clock = clock;
    this.#scopes = scopes;
  }

  /** @throws whatever the last delivery threw; IntegrationError ABORTED if `signal` fires during a wait */
  async run<T>(step: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let delivery = 1; ; delivery++) {
      try {
        return await step();
      } catch (error) {
        if (delivery >= MAX_DELIVERIES || signal?.aborted || !passes(error)) throw error;
        const backoff = Math.min(FIRST_WAIT_MS * 2 ** (delivery - 1), LONGEST_WAIT_MS);
        const waitMs = Math.max(backoff, error.retryAfterMs ?? 0);
        const { deadlineAt = Infinity } = this.#scopes.current ?? {};
        if (this.#clock.now() + waitMs >= deadlineAt) throw error;
        await this.#wait(waitMs, signal);
      }
    }
  }

  async #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const wish = new LinkedSignal().follow(signal).follow(this.#scopes.current?.signal);
    try {
      await sleep(ms, this.#clock, wish.signal);
    } catch (cause) {
      throw new IntegrationError({ code: "ABORTED", message: "listings: the caller aborted the work", cause });
    } finally {
      wish.dispose();
    }
  }
}

function passes(error: unknown): error is IntegrationError {
  if (!IntegrationError.isInstance(error) || (error.retryAfterMs ?? 0) > LONGEST_HINT_MS) return false;
  switch (error.code) {
    case "CIRCUIT_OPEN":
    case "READ_ONLY":
    case "RATE_LIMITED":
    case "QUEUE_FULL":
    case "BUDGET_EXHAUSTED":
    case "OUTCOME_UNKNOWN":
    case "DEADLINE_EXCEEDED":
      return true;
    default:
      return error.verdict === "retryable" || error.verdict === "throttled";
  }
}
