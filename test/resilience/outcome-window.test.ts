import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CountWindow } from "../../src/resilience/count-window.ts";
import { type OutcomeWindow, TimeWindow } from "../../src/resilience/outcome-window.ts";

const outcome = fc.record({
  gapMs: fc.oneof(fc.nat(300), fc.nat(5_000), fc.constant(86_400_000)),
  failed: fc.boolean(),
  slow: fc.boolean(),
});
const counts = ({ calls, failures, slow }: OutcomeWindow) => ({ calls, failures, slow });

describe("TimeWindow", () => {
  it("counts what a list of the last ten slices would, after any gaps, from any origin of time", () => {
    fc.assert(
      fc.property(
        fc.array(outcome, { maxLength: 60 }),
        fc.integer({ min: -100_000, max: 100_000 }),
        (outcomes, origin) => {
          const window = new TimeWindow(1_000);
          const list: { slice: number; failed: boolean; slow: boolean }[] = [];
          let now = origin;
          for (const { gapMs, failed, slow } of outcomes) {
            now += gapMs;
            const slice = Math.floor(now / 100);
            window.record(now, failed, slow);
            list.push({ slice, failed, slow });
            const recent = list.filter((entry) => entry.slice > slice - 10);
            expect(counts(window)).toEqual({
              calls: recent.length,
              failures: recent.filter((entry) => entry.failed).length,
              slow: recent.filter((entry) => entry.slow).length,
            });
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("survives a snapshot: its slices restored at the same age count the same", () => {
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 30 }), fc.nat(2_000), (outcomes, laterMs) => {
        const window = new TimeWindow(1_000);
        let now = 0;
        for (const { gapMs, failed, slow } of outcomes) window.record((now += gapMs), failed, slow);
        const slices = window.slices(now).map((slice) => ({ ...slice, ageMs: slice.ageMs + laterMs }));
        const restored = new TimeWindow(1_000);
        restored.restore(slices, now + laterMs);
        window.advance(now + laterMs);
        expect(counts(restored)).toEqual(counts(window));
      }),
    );
  });
});

describe("CountWindow", () => {
  it("counts what a list of the last few, cut by age, would", () => {
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (outcomes, size) => {
        const window = new CountWindow(size, 1_000);
        const list: { at: number; failed: boolean; slow: boolean }[] = [];
        let now = -5_000;
        for (const { gapMs, failed, slow } of outcomes) {
          now += gapMs;
          window.record(now, failed, slow);
          list.push({ at: now, failed, slow });
          const recent = list.slice(-size).filter(({ at }) => at >= now - 1_000);
          expect(counts(window)).toEqual({
            calls: recent.length,
            failures: recent.filter((entry) => entry.failed).length,
            slow: recent.filter((entry) => entry.slow).length,
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("survives a snapshot, order included", () => {
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 30 }), fc.nat(2_000), (outcomes, laterMs) => {
        const window = new CountWindow(5, 1_000);
        let now = 0;
        for (const { gapMs, failed, slow } of outcomes) window.record((now += gapMs), failed, slow);
        const slices = window.slices(now).map((slice) => ({ ...slice, ageMs: slice.ageMs + laterMs }));
        const restored = new CountWindow(5, 1_000);
        restored.restore(slices, now + laterMs);
        expect(restored.slices(now + laterMs)).toEqual(window.slices(now + laterMs));
      }),
    );
  });
});
