import { circuitBreaker, handleAll, SamplingBreaker } from "cockatiel";
import { CircuitBreaker } from "enhanced-integration/resilience";
import Opossum from "opossum";
import { type Figure } from "../support/report.ts";
import { median } from "../support/statistics.ts";
import { textTable } from "../support/text-table.ts";
import { connectionReset } from "./hand/operations.ts";

const CALLS_BEFORE = [1_000, 10_000, 50_000] as const;
const FAILURES = 200;
/** opossum's take milliseconds each; and all must happen before its window of 10 s forgets the calls before. */
const FAILURES_OF_OPOSSUM = 10;
/** One failure more or less is no difference on a shared machine; growth with traffic would be fiftyfold. */
const MOST_GROWTH = 2;

/** Runs one call through a breaker. */
type Run = (operation: () => Promise<void>) => Promise<void>;

interface Subject {
  readonly name: string;
  readonly failures: number;
  make(): { readonly run: Run; readonly stop?: () => void };
}

const subjects: readonly Subject[] = [
  {
    name: "ours",
    failures: FAILURES,
    make() {
      const breaker = new CircuitBreaker({ failureRatio: 1, minimumCalls: 1_000_000 });
      return { run: (operation) => breaker.run(operation) };
    },
  },
  {
    name: "cockatiel",
    failures: FAILURES,
    make() {
      const breaker = new SamplingBreaker({ threshold: 0.99, duration: 30_000 });
      const policy = circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker });
      return { run: (operation) => policy.execute(operation) };
    },
  },
  {
    name: "opossum",
    failures: FAILURES_OF_OPOSSUM,
    make() {
      const breaker = new Opossum((operation: () => Promise<void>) => operation(), {
        timeout: false,
        errorThresholdPercentage: 100,
      });
      return { run: (operation) => breaker.fire(operation), stop: () => breaker.shutdown() };
    },
  },
];

/** What one failure costs after few and after many calls in the breaker's window: it must not grow with traffic. */
export async function breakerOutcome(rounds: number): Promise<Figure[]> {
  const costs = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round += 1)
    for (const subject of subjects)
      for (const calls of CALLS_BEFORE) {
        const cost = await failureNs(subject, calls);
        const name = `${subject.name} ${calls}`;
        // The first round only lets the compiler finish.
        if (round > 0) costs.set(name, [...(costs.get(name) ?? []), cost]);
      }
  const medianOf = (subject: string, calls: number) => median(costs.get(`${subject} ${calls}`) ?? []);
  const growthOf = (subject: string) => medianOf(subject, CALLS_BEFORE[2]) / medianOf(subject, CALLS_BEFORE[0]);
  const rows = subjects.map(({ name }) => [
    name,
    ...CALLS_BEFORE.map((calls) => Math.round(medianOf(name, calls)).toLocaleString("en-US")),
    `${Number(growthOf(name).toPrecision(3))} ×`,
  ]);
  const head = ["ns per failure after", ...CALLS_BEFORE.map((calls) => `${calls.toLocaleString("en-US")} calls`)];
  console.log(textTable([...head, "growth"], rows));
  return subjects.map(({ name }) => ({
    name: `${name}: a failure after 50,000 calls / after 1,000`,
    value: growthOf(name),
    unit: "×",
    ...(name === "ours" && { atMost: MOST_GROWTH, note: "O(1), within the noise" }),
  }));
}

const succeeds = () => Promise.resolve();
const failure = connectionReset();
const fails = () => Promise.reject(failure);
const ignored = () => undefined;

async function failureNs(subject: Subject, callsBefore: number): Promise<number> {
  const { failures } = subject;
  const { run, stop } = subject.make();
  try {
    for (let call = 0; call < callsBefore; call += 1) await run(succeeds);
    const startedAt = performance.now();
    for (let call = 0; call < failures; call += 1) await run(fails).catch(ignored);
    return ((performance.now() - startedAt) * 1e6) / failures;
  } finally {
    stop?.();
  }
}
