import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BreakerPair } from "../../bench/proofs/resilience/breaker-pair.ts";
import { type Outcome } from "../../src/resilience/breaker-step.ts";

// `npm run proof:resilience` does the same a million times with random settings, and in every small state; this shrinks.
const settings = {
  failureRatio: 0.5,
  minimumCalls: 3,
  windowMs: 1_000,
  windowCalls: Infinity,
  slowCallMs: 40,
  slowRatio: 0.6,
  halfOpenPermits: 2,
  rampMs: 0,
  breakMs: 300,
  maxBreakMs: 1_000,
  healthyMs: 500,
};

const command: fc.Arbitrary<(pair: BreakerPair) => void> = fc.oneof(
  { weight: 6, arbitrary: fc.constant((pair: BreakerPair) => pair.enter()) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.nat(5),
        fc.constantFrom<Outcome>("success", "failure", "failure", "ignored"),
        fc.constantFrom(1, 40, 41),
      )
      .map(
        ([which, outcome, durationMs]) =>
          (pair: BreakerPair) =>
            pair.leave(which, outcome, durationMs),
      ),
  },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(1, 10, 41, 100, 299, 300, 1_000, 3_600_000)
      .map((ms) => (pair: BreakerPair) => pair.wait(ms)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<(pair: BreakerPair) => void>(
      (pair) => pair.isolate(),
      (pair) => pair.close(),
      (pair) => pair.move(-123_456, 150),
    ),
  },
);

describe.each([
  ["a time window", settings],
  ["a count window", { ...settings, windowCalls: 5 }],
  ["a ramp", { ...settings, rampMs: 512 }],
])("the circuit breaker with %s, against a naive model", (_what, options) => {
  it("admits, refuses and changes state alike under any sequence of commands", () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 40, maxLength: 200 }), (commands) => {
        const pair = new BreakerPair(options, () => () => 0);
        for (const execute of commands) {
          execute(pair);
          pair.inspect();
          expect(pair.difference).toBeUndefined();
        }
      }),
      { numRuns: 200 },
    );
  });
});
