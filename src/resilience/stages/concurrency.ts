import { IntegrationError } from "../../core/index.ts";
import { type Attempt } from "../attempt.ts";
import { type Bulkhead } from "../bulkhead.ts";
import { outcomeOf } from "../breaker-outcome.ts";
import { type Gate } from "./stage.ts";

/**
 * At most so many attempts in flight: per service, and in the whole process. The service's permit comes first, so that
 * those who wait for a busy service do not hold the process's permits.
 */
export class ConcurrencyGate implements Gate {
  readonly name = "concurrency";
  readonly #process: Bulkhead;

  constructor(process: Bulkhead) {
    this.#process = process;
  }

  enter(attempt: Attempt): Promise<void> | undefined {
    const { call } = attempt;
    const { bulkhead } = call.service;
    const { priority } = call;
    if (!bulkhead.tryEnter(priority)) return wait(attempt, bulkhead, this.#process);
    return this.#process.tryEnter(priority) ? undefined : inLine(attempt, this.#process, bulkhead);
  }

  leave(attempt: Attempt, failure: IntegrationError | undefined): void {
    const { priority, service } = attempt.call;
    this.#process.leave(priority);
    service.bulkhead.leave(priority, service.bulkhead.options.adaptive ? sampleOf(attempt, failure) : undefined);
  }
}

async function wait(attempt: Attempt, bulkhead: Bulkhead, process: Bulkhead): Promise<void> {
  await inLine(attempt, bulkhead);
  if (!process.tryEnter(attempt.call.priority)) await inLine(attempt, process, bulkhead);
}

/** @param held goes back if the permit does not come */
async function inLine(attempt: Attempt, bulkhead: Bulkhead, held?: Bulkhead): Promise<void> {
  const { call } = attempt;
  try {
    await bulkhead.enter(attempt.signal, { priority: call.priority, tenant: call.spec.tenant ?? call.spec.limit?.key });
  } catch (thrown) {
    held?.leave(call.priority);
    const said = IntegrationError.isInstance(thrown) && !attempt.settled;
    throw said ? call.refused("concurrency", thrown) : thrown;
  }
}

/** What the attempt says about how much the service bears; undefined: nothing. */
function sampleOf(attempt: Attempt, failure: IntegrationError | undefined) {
  if (!attempt.begun) return undefined;
  const durationMs = attempt.workMs;
  if (!failure) return { durationMs, overloaded: false };
  const { code, verdict, status } = failure;
  const overloaded =
    verdict === "throttled" || status === 503 || code === "ATTEMPT_TIMEOUT" || code === "DEADLINE_EXCEEDED";
  return overloaded || outcomeOf(failure) === "success" ? { durationMs, overloaded } : undefined;
}
