import { type CallSpec, type Clock, IntegrationError } from "../../core/index.ts";
import { type Attempt } from "../attempt.ts";
import { type Decision } from "../gcra.ts";
import { type AcquireOptions } from "../rate-limit-options.ts";
import { type RateLimiter } from "../rate-limiter.ts";
import { rateLimited } from "../refusal.ts";
import { type Gate } from "./stage.ts";

type Charge = NonNullable<CallSpec["limit"]>;
/** A limiter whose store answers at once is asked without a promise. */
type Limiter = RateLimiter & { readonly synchronous?: boolean; readonly clock?: Clock | undefined };

/** Longest turn that a call waits for, ms. */
const MAX_WAIT_MS = 30_000;

/** Each attempt is charged to the limit that its call names: it waits for its turn, or is refused. */
export class RateLimitGate implements Gate {
  readonly name = "rate limit";
  readonly #limiter: Limiter | undefined;

  constructor(limiter: Limiter | undefined) {
    this.#limiter = limiter;
  }

  enter(attempt: Attempt): Promise<void> | IntegrationError | undefined {
    const { limit } = attempt.call.spec;
    const limiter = this.#limiter;
    if (!limit) return undefined;
    if (!limiter) return noLimiter(limit);
    if (limit.wait) return turn(limiter, attempt, limit);
    if (!limiter.synchronous) return answer(limiter, attempt, limit);
    const { call } = attempt;
    // Nothing has waited since the call read the clock; another reading would be a tenth of the call's own price.
    const now = limiter.clock === call.around.clock ? call.now : undefined;
    return refusalOf(attempt, limit, limiter.check(limit.name, limit.key, limit, now, attempt));
  }
}

function noLimiter({ name }: Charge): IntegrationError {
  return new IntegrationError({
    code: "INVALID_INPUT",
    message: `the call is charged to limit ${name}, but the pipeline has no limiter; give createPipeline one`,
  });
}

function refusalOf({ call }: Attempt, limit: Charge, decision: Decision): IntegrationError | undefined {
  return decision.allowed ? undefined : call.refused("rate limit", rateLimited(limit.name, decision));
}

/** The store is elsewhere. */
async function answer(limiter: Limiter, attempt: Attempt, limit: Charge): Promise<void> {
  const decision = await limiter.checkAsync(limit.name, limit.key, limit, attempt);
  if (attempt.settled) return;
  const refusal = refusalOf(attempt, limit, decision);
  if (refusal) throw refusal;
}

async function turn(limiter: Limiter, attempt: Attempt, limit: Charge): Promise<void> {
  try {
    await limiter.acquire(limit.name, limit.key, patience(attempt, limit));
  } catch (thrown) {
    const said = IntegrationError.isInstance(thrown) && !attempt.settled;
    throw said ? attempt.call.refused("rate limit", thrown) : thrown;
  }
}

/** A getter, because only those who do wait need a signal. */
function patience(attempt: Attempt, { cost }: Charge): AcquireOptions {
  const { call } = attempt;
  return {
    ...(cost !== undefined && { cost }),
    priority: call.priority,
    maxWaitMs: Math.min(MAX_WAIT_MS, call.remainingMs),
    ...(call.spec.tenant !== undefined && { tenant: call.spec.tenant }),
    by: attempt,
    get signal() {
      return attempt.signal;
    },
  };
}
