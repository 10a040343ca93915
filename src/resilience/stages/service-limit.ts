import { IntegrationError } from "../../core/index.ts";
import { type Attempt } from "../attempt.ts";
import { type CallContext } from "../call-context.ts";
import { type OutboundLimits } from "../outbound-limits.ts";
import { type Gate } from "./stage.ts";

/**
 * Keeps to the limits that services have told or shown: an attempt waits until it may leave, or is refused if that takes
 * longer than it may wait. While no service limits us, nobody comes by.
 */
export class ServiceLimitGate implements Gate {
  readonly name = "service limit";
  readonly #outbound: OutboundLimits;

  constructor(outbound: OutboundLimits) {
    this.#outbound = outbound;
  }

  get idle(): boolean {
    return this.#outbound.idle;
  }

  enter(attempt: Attempt): Promise<void> | undefined {
    const { call } = attempt;
    const quota = call.spec.quota ?? call.spec.service;
    return this.#outbound.check(quota).allowed ? undefined : turn(this.#outbound, quota, attempt);
  }
}

async function turn(outbound: OutboundLimits, quota: string, attempt: Attempt): Promise<void> {
  const { call } = attempt;
  try {
    await outbound.acquire(quota, { maxWaitMs: patienceOf(call), signal: attempt.signal });
  } catch (thrown) {
    const said = IntegrationError.isInstance(thrown) && !attempt.settled;
    throw said ? call.refused("service limit", thrown) : thrown;
  }
}

/** As long as a `Retry-After` could make it wait; not at all where it would not wait for a limit of ours either. */
function patienceOf({ spec, service, remainingMs }: CallContext): number {
  return spec.limit && !spec.limit.wait ? 0 : Math.min(service.policy.maxHintMs, remainingMs);
}
