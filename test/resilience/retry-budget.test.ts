import { expect, it } from "vitest";
import { RetryBudget } from "../../src/resilience/index.ts";
import { thrownBy } from "./helpers.ts";

it("a retry budget is spent by retries and earned by successes, up to its capacity", () => {
  const budget = new RetryBudget({ capacity: 2, perSuccess: 0.5 });
  expect([budget.trySpend(), budget.trySpend(), budget.trySpend()]).toEqual([true, true, false]);
  budget.earn();
  expect(budget.trySpend()).toBe(false);
  budget.earn();
  expect(budget.trySpend()).toBe(true);
  for (let success = 0; success < 100; success += 1) budget.earn();
  expect(budget.available).toBe(2);
});

it("a retry budget of nothing allows no retry", () => {
  const budget = new RetryBudget({ capacity: 0 });
  budget.earn();
  expect(budget.trySpend()).toBe(false);
});

it("a retry budget shows itself as plain data and refuses bad options", () => {
  expect(JSON.parse(JSON.stringify(new RetryBudget()))).toEqual({ capacity: 100, perSuccess: 0.2, available: 100 });
  expect(thrownBy(() => new RetryBudget({ capacity: -1, perSuccess: 2 })).message).toMatch(/capacity.*perSuccess/);
});
