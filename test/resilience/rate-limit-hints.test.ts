import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRateLimitHints } from "../../src/resilience/rate-limit-hints.ts";

const wallNow = Date.UTC(2026, 0, 1);
const read = (headers: Record<string, string>) => {
  const all = new Headers(headers);
  return readRateLimitHints((name) => all.get(name), wallNow);
};

describe("hints about a service's limits", () => {
  it("reads RateLimit and RateLimit-Policy, several policies at once", () => {
    const headers = {
      "RateLimit-Policy": '"burst";q=100;w=60, "daily";q=1000;w=86400;qu="requests";pk=:cHA=:',
      RateLimit: '"burst";r=50;t=30, "daily" ; r=999',
    };
    expect(read(headers).quotas).toEqual([
      { name: "burst", limit: 100, windowMs: 60_000, remaining: 50, resetMs: 30_000 },
      { name: "daily", limit: 1_000, windowMs: 86_400_000, remaining: 999 },
    ]);
  });

  it("leaves out quotas of bytes and of connections", () => {
    const headers = {
      "RateLimit-Policy":
        '"bytes";q=9000;w=60;qu="content-bytes", "at-once";q=2;qu="concurrent-requests", "ok";q=5;w=1',
      RateLimit: '"bytes";r=0;t=60, "at-once";r=0, "ok";r=4;t=1',
    };
    expect(read(headers).quotas.map(({ name }) => name)).toEqual(["ok"]);
  });

  it.each([
    [{ RateLimit: "limit=100, remaining=50, reset=30" }, { limit: 100, remaining: 50, resetMs: 30_000 }],
    [
      { "RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "1", "RateLimit-Reset": "5" },
      { limit: 100, remaining: 1, resetMs: 5_000 },
    ],
    [
      { "X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": String(wallNow / 1000 + 60) },
      { limit: 5_000, remaining: 0, resetMs: 60_000 },
    ],
    [
      { "X-Rate-Limit-Limit": "9", "X-Rate-Limit-Remaining": "3", "X-Rate-Limit-Reset": String(wallNow + 1_500) },
      { limit: 9, remaining: 3, resetMs: 1_500 },
    ],
    [
      {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1m0.5s",
      },
      { limit: 60, remaining: 59, resetMs: 60_500 },
    ],
    [
      { "x-ratelimit-remaining-requests": "2", "x-ratelimit-reset-requests": "120ms" },
      { remaining: 2, resetMs: 120 },
    ],
  ])("reads %j", (headers, quota) => {
    expect(read(headers as Record<string, string>).quotas).toEqual([{ name: "default", ...quota }]);
  });

  it("reads Retry-After beside them", () => {
    expect(read({ "Retry-After": "7" })).toEqual({ retryAfterMs: 7_000, quotas: [] });
  });

  it("makes only whole, finite, non-negative numbers of anything, and little of much", () => {
    const nonsense = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.constantFrom("-5", "0", "1e300", "9999999999999999999", "NaN", '"a";r=-1;t=1e9', '"a";r=1.5', "Infinity", '"'),
      fc.integer().map((n) => `"x";r=${n};t=${n};q=${n};w=${n}`),
      fc.constantFrom('"a";r=1,'.repeat(1_000), ";".repeat(10_000), '"a"' + ";x=1".repeat(5_000)),
    );
    const names = ["ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
    fc.assert(
      fc.property(fc.array(nonsense, { minLength: 5, maxLength: 5 }), (values) => {
        const { quotas } = readRateLimitHints((name) => values[names.indexOf(name)], wallNow);
        expect(quotas.length).toBeLessThanOrEqual(8);
        for (const { name: _, ...numbers } of quotas)
          for (const value of Object.values(numbers)) {
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThan(1e19);
          }
      }),
      { numRuns: 1_000 },
    );
  });
});
