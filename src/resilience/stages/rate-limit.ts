import { type CallSpec, IntegrationError } from "../../core/index.ts";
import { type CallContext } from "../call-context.ts";
import { type AcquireOptions } from "../rate-limit-options.ts";
import { rateLimited, type RateLimiter } from "../rate-limiter.ts";
import { type Next, type Stage } from "./stage.ts";

type Charge = NonNullable<CallSpec["limit"]>;

/** Each attempt is charged to the limit that its call names: it waits for its turn, or is refused. */
export function rateLimitStage(limiter: RateLimiter | undefined): Stage {
  return {
    name: "rate limit",

    run(context: CallContext, next: Next): Promise<unknown> {
      const { limit } = context.spec;
      return limit ? charge(context, limit, next) : next(context);
    },
  };

  async function charge(context: CallContext, limit: Charge, next: Next): Promise<unknown> {
    if (!limiter)
      throw new IntegrationError({
        code: "INVALID_INPUT",
        message: `the call is charged to limit ${limit.name}, but the pipeline has no limiter; give createPipeline one`,
      });
    const cost = limit.cost === undefined ? {} : { cost: limit.cost };
    try {
      if (limit.wait)
        await context.waiting("rate limit", () => limiter.acquire(limit.name, limit.key, patience(context, cost)));
      else {
        const { allowed, retryAfterMs } = await limiter.checkAsync(limit.name, limit.key, cost);
        if (!allowed) throw rateLimited(limit.name, retryAfterMs);
      }
    } catch (thrown) {
      throw IntegrationError.isInstance(thrown) ? context.refused("rate limit", thrown) : thrown;
    }
    return next(context);
  }
}

const MAX_WAIT_MS = 30_000;

/** A getter, because only those who do wait need a signal. */
function patience(context: CallContext, cost: { cost?: number }): AcquireOptions {
  const { spec, scope } = context;
  return {
    ...cost,
    priority: spec.priority ?? scope?.priority ?? "normal",
    maxWaitMs: Math.min(MAX_WAIT_MS, context.remainingMs),
    get signal() {
      return context.signal;
    },
  };
}
