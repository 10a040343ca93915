interface Deadline {
  readonly dueAt: number;
}

const MAX_ATTEMPTS = 4;
const MAX_IN_FLIGHT = 100;
const FAILURES_TO_OPEN = 10;
const BREAK_MS = 5_000;
const DEADLINE_MS = 30_000;

/**
 * The floor of a full pipeline: retry, breaker, deadline, bulkhead and timing, as one would write them by hand for one
 * call site. No options, no events, no verdicts, no waits, no record, and the deadline is only noted, for a timer that
 * would look through the set.
 */
export class HandPolicy {
  readonly #deadlines = new Set<Deadline>();
  #inFlight = 0;
  #failures = 0;
  #openUntil = 0;
  calls = 0;
  totalMs = 0;

  async run<T>(operation: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    if (this.#inFlight >= MAX_IN_FLIGHT) throw new Error("too many calls in flight");
    this.#inFlight += 1;
    const deadline = { dueAt: startedAt + DEADLINE_MS };
    this.#deadlines.add(deadline);
    try {
      return await this.#attempts(operation, startedAt);
    } finally {
      this.#deadlines.delete(deadline);
      this.#inFlight -= 1;
      this.calls += 1;
      this.totalMs += performance.now() - startedAt;
    }
  }

  async #attempts<T>(operation: () => Promise<T>, now: number): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      if (this.#openUntil > now) throw new Error("the circuit is open");
      try {
        const value = await operation();
        this.#failures = 0;
        return value;
      } catch (error) {
        if (++this.#failures >= FAILURES_TO_OPEN) this.#openUntil = performance.now() + BREAK_MS;
        if (attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }
}
