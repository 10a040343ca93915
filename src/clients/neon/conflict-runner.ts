import {
  type CallRunner,
  type CallSpec,
  type Clock,
  DEFAULT_DEADLINE_MS,
  IntegrationError,
  type Random,
  sleep,
} from "../../core/index.ts";

const MAX_ATTEMPTS = 4;
/** Ceiling of the first wait, ms; each later one is twice as high. The wait itself is chance below it. */
const BASE_DELAY_MS = 50;

/** The database undid all of the transaction, and the same again may succeed. */
const conflicts: ReadonlySet<string | undefined> = new Set(["40001", "40P01"]);

/**
 * Runs a transaction again that lost a conflict, within the call's deadline. For a client that stands alone: a pipeline
 * decides itself, by its budget.
 */
export function conflictRunner(runner: CallRunner, clock: Clock, random: Random): CallRunner["run"] {
  return async (spec, attempt) => {
    const { deadlineMs = DEFAULT_DEADLINE_MS, maxAttempts = MAX_ATTEMPTS } = spec;
    const deadlineAt = clock.now() + deadlineMs;
    let left: CallSpec = spec;
    for (let made = 1; ; made += 1) {
      try {
        return await runner.run(left, (context) => attempt({ ...context, attempt: made }));
      } catch (thrown) {
        const isConflict = IntegrationError.isInstance(thrown) && conflicts.has(thrown.sqlState);
        const waitMs = BASE_DELAY_MS * 2 ** (made - 1) * random.next();
        const remainingMs = deadlineAt - clock.now() - waitMs;
        if (!isConflict || made >= maxAttempts || remainingMs <= 0 || spec.signal?.aborted) throw thrown;
        await sleep(waitMs, clock, spec.signal).catch(() => undefined); // the next attempt says that it was aborted
        left = { ...spec, deadlineMs: remainingMs };
      }
    }
  };
}
