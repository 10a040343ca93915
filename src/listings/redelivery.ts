import { type Clock, IntegrationError, sleep } from "../core/index.ts";

/** How often a step of a long job is taken up again after its call gave up. */
const MAX_DELIVERIES = 8;
/** The first wait; it doubles up to the second figure. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

/**
 * Takes a step of a long job up again when its call gave up for a reason that passes: an open circuit, a limit, a
 * service that is down. It is a job's second delivery and no retry: each delivery is a call of its own, under all
 * policies, and only steps that may be repeated without effect come here.
 */
export async function redeliver<T>(step: () => Promise<T>, clock: Clock, signal?: AbortSignal): Promise<T> {
  for (let delivery = 1; ; delivery++) {
    try {
      return await step();
    } catch (error) {
      if (delivery >= MAX_DELIVERIES || signal?.aborted || !passes(error)) throw error;
      const backoff = Math.min(FIRST_WAIT_MS * 2 ** (delivery - 1), LONGEST_WAIT_MS);
      await sleep(Math.max(backoff, Math.min(error.retryAfterMs ?? 0, 60_000)), clock, signal);
    }
  }
}

function passes(error: unknown): error is IntegrationError {
  if (!IntegrationError.isInstance(error)) return false;
  switch (error.code) {
    case "CIRCUIT_OPEN":
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
