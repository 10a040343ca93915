import {
  bulkhead,
  circuitBreaker,
  ConsecutiveBreaker,
  handleAll,
  retry,
  timeout,
  TimeoutStrategy,
  wrap,
} from "cockatiel";
import { createIntegration } from "enhanced-integration";
import { createPipeline } from "enhanced-integration/resilience";
import { wideOpenEnvironment } from "../support/environment.ts";
import { type Effort, measure } from "../support/measure.ts";
import { type Figure } from "../support/report.ts";
import { printTimings } from "../support/timing-rows.ts";
import { noop } from "./hand/operations.ts";
import { HandPolicy } from "./hand/policy.ts";

const IN_FLIGHT = 100;

/** What the whole pipeline costs around a call that succeeds at once: everything on, nothing to do. */
export async function fullPipeline(effort: Effort): Promise<Figure[]> {
  const policies = { maps: { concurrency: IN_FLIGHT } };
  const integration = createIntegration(wideOpenEnvironment, { logTo: "stderr", policies });
  const limit = { name: "search", key: "user-1" };
  const spec = { service: "maps", operation: "lookup", idempotent: true };
  const limited = { ...spec, limit };
  const pipeline = createPipeline({ services: policies });
  const hand = new HandPolicy();
  const aggressive = cockatielWrap(TimeoutStrategy.Aggressive);
  const cooperative = cockatielWrap(TimeoutStrategy.Cooperative);

  const ours = "ours: integration.call";
  const floor = "hand-written policy";
  // Ours lets go of an attempt whether it heeds its signal or not: that is what cockatiel calls aggressive.
  const peer = "cockatiel wrap of four";
  const lesserPeer = "cockatiel, cooperative timeout";
  const timings = await measure(
    [
      { name: "bare await", run: noop },
      { name: floor, run: () => hand.run(noop) },
      { name: ours, run: () => integration.call(limited, noop) },
      { name: "ours: the same without a limit", run: () => integration.call(spec, noop) },
      { name: "ours: createPipeline alone", run: () => pipeline.run(spec, noop) },
      { name: peer, run: () => aggressive.execute(noop) },
      { name: lesserPeer, run: () => cooperative.execute(noop) },
    ],
    effort,
  );
  const recorded = await integration.monitoring.metrics();
  await integration.close();
  printTimings(timings, floor);
  if (!/service="maps"/.test(recorded)) throw new Error("the metrics do not show the calls: they were switched off");

  return [
    { name: `${peer} / ${ours}`, value: timings.ratio(peer, ours), unit: "×", atLeast: 10 },
    { name: `${lesserPeer} / ${ours}`, value: timings.ratio(lesserPeer, ours), unit: "×" },
    { name: `${ours} / ${floor}`, value: timings.ratio(ours, floor), unit: "×", atMost: 3, note: "aim: 2 ×" },
    { name: `createPipeline alone / ${floor}`, value: timings.ratio("ours: createPipeline alone", floor), unit: "×" },
  ];
}

function cockatielWrap(strategy: TimeoutStrategy) {
  return wrap(
    retry(handleAll, { maxAttempts: 3 }),
    circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker: new ConsecutiveBreaker(10) }),
    timeout(30_000, strategy),
    bulkhead(IN_FLIGHT),
  );
}
