import { type Attempt } from "../attempt.ts";
import { type CallContext } from "../call-context.ts";
import { type Gate } from "./stage.ts";

/** Lets go of an attempt when its time is up, whether it heeds its signal or not. */
export class AttemptTimeoutGate implements Gate {
  readonly name = "attempt timeout";

  enter(attempt: Attempt): undefined {
    attempt.limitTo(timeoutOf(attempt.call));
  }

  leave(attempt: Attempt): void {
    attempt.unlimit();
  }
}

/** {@link CallPolicy.attemptTimeoutMs} explains the default. */
function timeoutOf({ spec, service, repeatable, maxAttempts }: CallContext): number {
  const own = spec.attemptTimeoutMs ?? service.policy.attemptTimeoutMs;
  if (own !== undefined) return own;
  return repeatable && maxAttempts > 1 ? (spec.deadlineMs ?? service.policy.deadlineMs) / 3 : Infinity;
}
