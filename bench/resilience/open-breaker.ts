import { circuitBreaker, ConsecutiveBreaker, handleAll } from "cockatiel";
import { CircuitBreaker, createPipeline } from "enhanced-integration/resilience";
import Opossum from "opossum";
import { type Effort, measure } from "../support/measure.ts";
import { type Figure } from "../support/report.ts";
import { printTimings } from "../support/timing-rows.ts";
import { connectionReset, noop } from "./hand/operations.ts";

/** On the measured machine 2,200 ns were promised where the floor took 1,865: that ratio is what holds elsewhere. */
const REFUSAL_PER_REJECTION = 2_200 / 1_865;
const LONG_MS = 3_600_000;

/** What it costs to be turned away while the circuit is open, caught like a caller does. */
export async function openBreaker(effort: Effort): Promise<Figure[]> {
  const breaker = new CircuitBreaker({ service: "maps", minimumCalls: 1, breakMs: LONG_MS, maxBreakMs: LONG_MS });
  await breaker.run(fails).catch(ignored);
  const pipeline = createPipeline();
  const spec = { service: "maps", operation: "lookup", idempotent: true };
  pipeline.breaker("maps")?.isolate();
  const opossum = new Opossum(noop);
  opossum.open();
  const cockatiel = circuitBreaker(handleAll, { halfOpenAfter: LONG_MS, breaker: new ConsecutiveBreaker(1) });
  await cockatiel.execute(fails).catch(ignored);
  if (breaker.state !== "open" || !opossum.opened) throw new Error("the breakers must be open before they are timed");

  const floor = "a rejection with a stackless error";
  const ours = "ours: breaker.run";
  const timings = await measure(
    [
      { name: floor, run: () => rejectStackless().catch(ignored) },
      { name: ours, run: () => breaker.run(noop).catch(ignored) },
      { name: "ours: breaker.allows", run: () => breaker.allows() },
      { name: "ours: pipeline.run", run: () => pipeline.run(spec, noop).catch(ignored) },
      { name: "opossum", run: () => opossum.fire().catch(ignored) },
      { name: "cockatiel", run: () => cockatiel.execute(noop).catch(ignored) },
    ],
    effort,
  );
  opossum.shutdown();
  printTimings(timings, floor);

  const against = (peer: string): Figure => ({
    name: `${peer} / ${ours}`,
    value: timings.ratio(peer, ours),
    unit: "×",
  });
  return [
    { name: `${ours} / ${floor}`, value: timings.ratio(ours, floor), unit: "×", atMost: REFUSAL_PER_REJECTION },
    { name: `${ours}, best slice`, value: timings.bestNs(ours), unit: "ns", note: "aim: ≤ 2,200 ns" },
    against("opossum"),
    against("cockatiel"),
  ];
}

const fails = () => Promise.reject(connectionReset());
const ignored = () => undefined;

class Plain extends Error {}

/** What no refusal that rejects with an error of its own can be cheaper than. */
async function rejectStackless(): Promise<never> {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    throw new Plain("maps: the circuit is open");
  } finally {
    Error.stackTraceLimit = limit;
  }
}
