import { expect, it } from "vitest";
import { difference, ReferenceBucket } from "../../bench/proofs/resilience/reference-bucket.ts";

it("the reference gives a burst, then one token for each interval, worked out by hand", () => {
  const bucket = new ReferenceBucket({ requests: 3, windowMs: 1_000, burst: 2 });
  // A token takes 333⅓ ms: two of them are 666⅔.
  expect(bucket.take(0, 1)).toEqual({ allowed: true, remaining: 1, retryAfterMs: 0, resetMs: 334 });
  expect(bucket.take(0, 1)).toEqual({ allowed: true, remaining: 0, retryAfterMs: 0, resetMs: 667 });
  expect(bucket.take(333, 1)).toEqual({ allowed: false, remaining: 0, retryAfterMs: 1, resetMs: 334 });
  expect(bucket.take(334, 1)).toEqual({ allowed: true, remaining: 0, retryAfterMs: 0, resetMs: 666 });
  expect(bucket.take(1_000, 0)).toEqual({ allowed: true, remaining: 2, retryAfterMs: 0, resetMs: 0 });
});

it("a difference names the first fact that differs", () => {
  const answer = { allowed: true, remaining: 1, retryAfterMs: 0, resetMs: 5 };
  expect(difference(answer, { ...answer })).toBeUndefined();
  expect(difference(answer, { ...answer, remaining: 2, resetMs: 6 })).toBe("remaining is 1 instead of 2");
});
