import fc from "fast-check";
import { expect, it } from "vitest";
import { MAX_SERVER_HINT_MS, parseRetryAfter } from "../../src/core/index.ts";

const now = Date.UTC(2026, 0, 1);

it.each([
  ["0", 0],
  ["120", 120_000],
  [" 1.5 ", 1_500],
  ["Thu, 01 Jan 2026 00:01:00 GMT", 60_000],
  ["Wed, 21 Oct 2015 07:28:00 GMT", 0],
  ["Fri, 31 Dec 9999 23:59:59 GMT", MAX_SERVER_HINT_MS],
  ["9999999999", MAX_SERVER_HINT_MS],
  ["9".repeat(400), MAX_SERVER_HINT_MS],
  ["-5", undefined],
  ["abc", undefined],
  ["1e300", undefined],
  ["Infinity", undefined],
  ["", undefined],
  [null, undefined],
  [undefined, undefined],
])("Retry-After %j means %s ms", (value, expected) => {
  expect(parseRetryAfter(value, now)).toBe(expected);
});

it("Retry-After is between 0 and a day, or no hint, whatever a server sends", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.double().map(String),
        fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
      ),
      (value) => {
        const hint = parseRetryAfter(value, now);
        expect(hint === undefined || (hint >= 0 && hint <= MAX_SERVER_HINT_MS)).toBe(true);
      },
    ),
  );
});
