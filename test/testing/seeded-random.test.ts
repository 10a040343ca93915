import { expect, it } from "vitest";
import { seededRandom } from "../../src/testing/index.ts";

const take = (seed: number, count: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

it("repeats the same numbers for the same seed and others for another", () => {
  expect(take(7, 20)).toEqual(take(7, 20));
  expect(take(7, 20)).not.toEqual(take(8, 20));
});

it("stays in [0, 1) and spreads evenly over it", () => {
  const numbers = take(42, 10_000);
  const buckets = new Array<number>(10).fill(0);
  for (const n of numbers) {
    expect(n >= 0 && n < 1).toBe(true);
    buckets[Math.floor(n * 10)]! += 1;
  }
  for (const count of buckets) expect(count).toBeGreaterThan(850);
});
