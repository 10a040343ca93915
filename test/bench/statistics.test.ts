import { describe, expect, it } from "vitest";
import { median, pairedRatio } from "../../bench/support/statistics.ts";

describe("median", () => {
  it("is the middle of an odd number of values, whatever their order", () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it("is the mean of the two in the middle of an even number", () => {
    expect(median([10, 1, 2, 5])).toBe(3.5);
  });

  it("of nothing is no number", () => {
    expect(median([])).toBeNaN();
  });

  it("leaves the list as it was", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

it("a paired ratio does not see a disturbance that both suffered", () => {
  // The machine was ten times slower in the second and third of four rounds.
  expect(pairedRatio([20, 200, 200, 20], [10, 100, 100, 10])).toBe(2);
});

it("a paired ratio of lists that do not match is no number", () => {
  expect(pairedRatio([1], [])).toBeNaN();
});
