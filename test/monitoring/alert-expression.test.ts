import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IntegrationError } from "../../src/core/index.ts";
import { formatExpression, parseExpression } from "../../src/monitoring/index.ts";
import { randomExpression } from "../../bench/proofs/monitoring/random-expression.ts";
import { seededRandom } from "../../src/testing/index.ts";

describe("reading conditions", () => {
  it.each([
    ["x > 90", "x > 90"],
    ["  x>=0.05 ", "x >= 0.05"],
    ["x  <  -1e-3", "x < -0.001"],
    ["x<=.5", "x <= 0.5"],
    ['x { a = "1 > \\"2\\" }", b="" , } > 1', 'x{a="1 > \\"2\\" }",b=""} > 1'],
    ["x{a='it', b=`raw\\`} > 0x10", 'x{a="it",b="raw\\\\"} > 16'],
    ['x{a!="1",b=~\'a|b\',c!~".*"}==2', 'x{a!="1",b=~"a|b",c!~".*"} == 2'],
    ["rate(e[5m]) / rate(c[1h30m]) > 0.05", "rate(e[5m]) / rate(c[90m]) > 0.05"],
    ["a + b * c ^ d ^ e - f > 0", "a + b * c ^ d ^ e - f > 0"],
    ["(a + b) * c > ((0))", "(a + b) * c > 0"],
    ["a - (b - c) > 0", "a - (b - c) > 0"],
    ["-a ^ 2 < -1", "-a ^ 2 < -1"],
    ["(-a) ^ 2 > 0", "(-a) ^ 2 > 0"],
    ["sum(x) by (a, b) > 1", "sum by (a, b) (x) > 1"],
    ["count without () (x)>1", "count without () (x) > 1"],
    ["a > 1 and b > 2 or c unless on (d) e", "a > 1 and b > 2 or c unless on (d) e"],
    ["a / ignoring(code) b > bool 1", "a / ignoring (code) b > bool 1"],
    ["x - x offset 5m > 3 # a comment", "x - x offset 5m > 3"],
    ["increase(x[5m] offset 1h) > 3", "increase(x[5m] offset 1h) > 3"],
    [
      "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m]))) > Inf",
      "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m]))) > Inf",
    ],
    ["clamp_min(vector(time()), 1) > 1", "clamp_min(vector(time()), 1) > 1"],
    ["sum > 1", "sum > 1"],
    ["SUM(x) BY (a) > 1 AND y OFFSET 5m > BOOL 2", "sum by (a) (x) > 1 and y offset 5m > bool 2"],
  ])("%j is understood", (text, canonical) => {
    expect(formatExpression(parseExpression(text))).toBe(canonical);
    expect(formatExpression(parseExpression(canonical))).toBe(canonical);
  });

  it.each([
    ["", 1, "a metric name was expected, as in queue_depth > 10, found the end"],
    ["9x > 1", 1, "a number or a duration was expected, found 9x"],
    ["x >", 4, "a metric name or a number was expected, found the end"],
    ["x > 1e999", 5, "too large"],
    ["x == 0.3", 3, "never compared for equality"],
    ["x != y", 3, "never compared for equality"],
    ["x = 1", 3, "a single = compares nothing"],
    ["x => 1", 3, "a single = compares nothing"],
    ["x ! 1", 3, "! stands alone"],
    ["x > 1 && y > 2", 7, "& is no operator; write and"],
    ["x ~ 1", 3, '"~" has no meaning here'],
    ["x > 1 y", 7, "another operator or the end was expected; join conditions with and, or, found y"],
    ["x > 5 m", 7, "the end was expected"],
    ["x > 5m", 5, "5m is a duration"],
    ["x{service=neon} > 1", 11, "a value in double quotes was expected, found neon"],
    ['x{a="1" b="2"} > 1', 9, ", or } was expected, found b"],
    ['x{a="1"', 8, ", or } was expected, found the end"],
    ['x{a="1} > 1', 5, 'the text that " begins is never closed'],
    ['x{__name__="1"} > 1', 3, "a label name that does not begin with __"],
    ['{a="1"} > 1', 1, "a metric name was expected before {"],
    ['x{a=~"("} > 1', 6, "the pattern is not valid"],
    ['x{a=~"(?=b)"} > 1', 6, "not part of Prometheus' patterns"],
    ["rate(x) > 1", 6, "rate needs a range of samples here, such as x[5m]"],
    ["x[5m] > 1", 1, "a range of samples has no single value"],
    ["x[5m]", 1, "put it into a function, as in rate(x[5m])"],
    ["rate(x[5m:1m]) > 1", 10, "subqueries are not supported"],
    ["rate(x[0s]) > 1", 8, "longer than 0"],
    ["rate(x[2d]) > 1", 8, "addSlo"],
    ["rate(x[5m5m]) > 1", 8, "each once"],
    ["rate(x)[5m] > 1", 6, "rate needs a range"],
    ["abs(rate(x[5m]))[5m] > 1", 17, "a range follows a metric directly"],
    ["raet(x[5m]) > 1", 1, "the function raet is not known; did you mean rate?"],
    ["clamp_min(x) > 1", 1, "clamp_min takes 2 arguments, got 1"],
    ["abs(1) > 1", 5, "abs needs a metric (one value per series) here, got a single number"],
    ["1 > 2", 3, "> bool"],
    ["x and 1", 7, "vector(1)"],
    ["x + bool y > 1", 3, "bool belongs to comparisons"],
    ["x > on(a) 1", 3, "both sides must be metrics"],
    ["x * on(a) group_left y > 1", 11, "group_left and group_right are not supported"],
    ["x > 90%", 8, "write the bare number"],
    ["x > 0.05 for 5m", 10, "for is an option beside the condition"],
    ["histogram_quantile(95, x_bucket) > 1", 20, "0.95 for the 95th percentile, got 95"],
    ["histogram_quantile(-1, x_bucket) > 1", 20, "a share from 0 to 1"],
    ["x @ 5 > 1", 3, "@ is not supported"],
    ["(x > 1", 7, ") was expected, found the end"],
    [`${"(".repeat(200)}x${")".repeat(200)} > 1`, 102, "nested more than 100 deep"],
  ])("%j is refused at character %i: %s", (text, position, problem) => {
    expect(() => parseExpression(text)).toThrow(`character ${position}: `);
    expect(() => parseExpression(text)).toThrow(problem);
  });

  it.each([undefined, null, 5, {}])("%j is no condition", (given) => {
    expect(() => parseExpression(given as never)).toThrow(/condition must be text such as "queue_depth > 10", got/);
  });

  it("any text is either understood or refused with INVALID_INPUT", () => {
    const alphabet = [
      "x",
      "rate(",
      "[5m]",
      ")",
      "(",
      "{a=",
      '"b"',
      "}",
      ">",
      "==",
      "-",
      "^",
      "1",
      "and",
      "by",
      "on",
      " ",
      "sum",
      ",",
    ];
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom(...alphabet), { maxLength: 20 }).map((parts) => parts.join(" ")),
    );
    fc.assert(
      fc.property(text, (condition) => {
        try {
          const written = formatExpression(parseExpression(condition));
          expect(formatExpression(parseExpression(written))).toBe(written);
        } catch (error) {
          expect(IntegrationError.isInstance(error) && error.code, condition).toBe("INVALID_INPUT");
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("what is written out reads back the same, the whole grammar over", () => {
    const random = seededRandom(7);
    for (let i = 0; i < 500; i += 1) {
      const text = randomExpression(random);
      const written = formatExpression(parseExpression(text));
      expect(formatExpression(parseExpression(written)), text).toBe(written);
    }
  });
});
