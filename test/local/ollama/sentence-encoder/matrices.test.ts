import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Matrices, type Rows } from "../../../../src/local/ollama/sentence-encoder/matrices.ts";

const sizes = fc.record({
  count: fc.integer({ min: 1, max: 100 }),
  inner: fc.integer({ min: 1, max: 12 }).map((fours) => 4 * fours),
  columns: fc.integer({ min: 1, max: 3 }).map((groups) => 32 * groups),
  gap: fc.nat(5),
  zeros: fc.constantFrom(0, 0.5, 1),
  rectify: fc.boolean(),
  fused: fc.boolean(),
  seed: fc.integer(),
});

/** Small whole numbers: their sums are exact in any order. */
function numbers(seed: number) {
  let state = seed >>> 0;
  return () => ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 28) - 8;
}

describe("Matrices", () => {
  it("adds products, whole strips and single rows, to exactly the rows asked for", () => {
    fc.assert(
      fc.property(sizes, ({ count, inner, columns, gap, zeros, rectify, fused, seed }) => {
        const next = numbers(seed);
        const matrices = new Matrices({ fused });
        const right = Float32Array.from({ length: inner * columns }, next);
        const panels = matrices.pack(right, inner, columns);
        const left = matrices.reserve(count, inner + gap);
        const sum = matrices.reserve(count + 1, columns + gap);
        const again = matrices.reserve(count + 1, columns + gap);
        const cell = (rows: Rows, row: number, column: number) => rows.at + row * rows.stride + column;
        const { values } = matrices;
        const isZero = () => (next() + 8) / 16 < zeros;
        for (let row = 0; row < count; row++)
          for (let i = 0; i < left.stride; i++) values[cell(left, row, i)] = isZero() ? 0 : next();
        const end = cell(sum, count + 1, 0);
        for (let at = sum.at; at < end; at++) values[at] = values[at + again.at - sum.at] = next();
        const expected = values.slice(sum.at, end);
        for (let row = 0; row < count; row++)
          for (let column = 0; column < columns; column++) {
            let total = expected[row * sum.stride + column]!;
            for (let i = 0; i < inner; i++) total += values[cell(left, row, i)]! * right[i * columns + column]!;
            expected[row * sum.stride + column] = rectify ? Math.max(0, total) : total;
          }
        matrices.addProduct(left, panels, sum, count, { rectify });
        expect(values.subarray(sum.at, end)).toEqual(expected);

        if (rectify || gap > 0) return;
        const sparse = matrices.sparse(left, matrices.reserve(count, left.stride), count);
        matrices.addSparseProduct(sparse, panels, again);
        expect(matrices.values.subarray(again.at, again.at + expected.length)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });
});
