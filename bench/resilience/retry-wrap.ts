import Bottleneck from "bottleneck";
import { handleAll, retry } from "cockatiel";
import { createPipeline, EnhancedErrorHandler } from "enhanced-integration/resilience";
import CircuitBreaker from "opossum";
import pRetry from "p-retry";
import { type Effort, measure } from "../support/measure.ts";
import { type Figure } from "../support/report.ts";
import { printTimings } from "../support/timing-rows.ts";
import { handRetry } from "./hand/retry.ts";
import { noop } from "./hand/operations.ts";

const MAX_ATTEMPTS = 4;
/** It takes milliseconds for each: more would only take longer. */
const BOTTLENECK_JOBS = 5;

/** What a call costs that succeeds at once, and only might have been retried. */
export async function retryWrap(effort: Effort): Promise<Figure[]> {
  const handler = new EnhancedErrorHandler({ maxAttempts: MAX_ATTEMPTS });
  const pipeline = createPipeline({ services: { maps: { breaker: false } } });
  const spec = { service: "maps", operation: "lookup", idempotent: true, deadlineMs: Infinity };
  const cockatiel = retry(handleAll, { maxAttempts: MAX_ATTEMPTS - 1 });
  const opossum = new CircuitBreaker(noop, { timeout: false });
  const bottleneck = new Bottleneck();

  const timings = await measure(
    [
      { name: "bare await", run: noop },
      { name: "hand-written retry", run: () => handRetry(noop, MAX_ATTEMPTS) },
      { name: "ours: EnhancedErrorHandler", run: () => handler.handleWithRetry(noop, "maps.lookup") },
      { name: "ours: pipeline without breaker", run: () => pipeline.run(spec, noop) },
      { name: "cockatiel retry", run: () => cockatiel.execute(noop) },
      { name: "p-retry", run: () => pRetry(noop, { retries: MAX_ATTEMPTS - 1, minTimeout: 0 }) },
      { name: "opossum (breaker, no retry)", run: () => opossum.fire() },
      {
        name: "bottleneck schedule",
        run: () => bottleneck.schedule(noop),
        maxOperations: BOTTLENECK_JOBS,
      },
    ],
    effort,
  );
  opossum.shutdown();
  await bottleneck.disconnect();
  printTimings(timings, "bare await");

  const ours = "ours: EnhancedErrorHandler";
  const against = (peer: string): Figure => ({
    name: `${ours} / ${peer}`,
    value: timings.ratio(ours, peer),
    unit: "×",
  });
  return [against("hand-written retry"), against("cockatiel retry"), against("p-retry")];
}
