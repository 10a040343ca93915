import { expect, it } from "vitest";
import { difference, ReferenceLimit } from "../../bench/proofs/resilience/reference-bucket.ts";

it("the reference gives a burst, then one token for each interval, worked out by hand", () => {
  const bucket = new ReferenceLimit([{ requests: 3, windowMs: 1_000, burst: 2 }]);
  // A token takes 333⅓ ms: two of them are 666⅔.
  expect(bucket.take(0, 1)).toEqual({ allowed: true, limit: 2, remaining: 1, retryAfterMs: 0, resetMs: 334 });
  expect(bucket.take(0, 1)).toEqual({ allowed: true, limit: 2, remaining: 0, retryAfterMs: 0, resetMs: 667 });
  expect(bucket.take(333, 1)).toEqual({ allowed: false, limit: 2, remaining: 0, retryAfterMs: 1, resetMs: 334 });
  expect(bucket.take(334, 1)).toEqual({ allowed: true, limit: 2, remaining: 0, retryAfterMs: 0, resetMs: 666 });
  expect(bucket.take(1_000, 0)).toEqual({ allowed: true, limit: 2, remaining: 2, retryAfterMs: 0, resetMs: 0 });
});

it("of several policies the reference charges all or none, and the weakest one answers", () => {
  const limit = new ReferenceLimit([
    { requests: 10, windowMs: 1_000, burst: 1 },
    { requests: 2, windowMs: 60_000, burst: 2 },
  ]);
  expect(limit.take(0, 1)).toEqual({ allowed: true, limit: 1, remaining: 0, retryAfterMs: 0, resetMs: 100 });
  // Denied by the first alone: the second has lost nothing, and both are charged at the next allow.
  expect(limit.take(50, 1)).toMatchObject({ allowed: false, limit: 1, retryAfterMs: 50 });
  expect(limit.take(100, 1)).toMatchObject({ allowed: true, limit: 2, remaining: 0 });
  expect(limit.take(200, 1)).toMatchObject({ allowed: false, limit: 2, retryAfterMs: 29_800 });
});

it("a difference names the first fact that differs", () => {
  const answer = { allowed: true, limit: 2, remaining: 1, retryAfterMs: 0, resetMs: 5 };
  expect(difference(answer, { ...answer })).toBeUndefined();
  expect(difference(answer, { ...answer, remaining: 2, resetMs: 6 })).toBe("remaining is 1 instead of 2");
});
