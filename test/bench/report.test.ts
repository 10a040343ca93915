import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keeps, Report } from "../../bench/support/report.ts";

const options = { short: true, json: true, only: undefined, machine: "a machine" };
const lines: string[] = [];

beforeEach(() => {
  lines.length = 0;
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("a figure", () => {
  it("keeps a target that it meets exactly", () => {
    expect(keeps({ name: "ratio", value: 3, unit: "×", atMost: 3 })).toBe(true);
    expect(keeps({ name: "ratio", value: 10, unit: "×", atLeast: 10 })).toBe(true);
  });

  it("misses a target on either side", () => {
    expect(keeps({ name: "ratio", value: 3.01, unit: "×", atMost: 3 })).toBe(false);
    expect(keeps({ name: "ratio", value: 9.99, unit: "×", atLeast: 10 })).toBe(false);
  });

  it("that is no number keeps no target", () => {
    expect(keeps({ name: "ratio", value: NaN, unit: "×", atMost: 3 })).toBe(false);
  });

  it("without a target neither keeps nor misses one", () => {
    expect(keeps({ name: "ratio", value: 1, unit: "×" })).toBeUndefined();
  });
});

describe("a report", () => {
  const good = { name: "differences", value: 0, unit: "", atMost: 0 };

  it("ends with one JSON object and succeeds when every target is kept", async () => {
    const report = new Report("proof", options);
    await report.part("part", async () => [good]);
    expect(report.finish()).toBe(0);
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      name: "proof",
      form: "short",
      ok: true,
      figures: [{ ...good, ok: true }],
    });
  });

  it("fails when a target is missed, and names it", async () => {
    const report = new Report("proof", options);
    await report.part("part", async () => [good, { ...good, name: "leaks", value: 2 }]);
    expect(report.finish()).toBe(1);
    expect(lines.join("\n")).toContain("MISSED leaks");
  });

  it("fails when a part throws, and still runs the next one", async () => {
    const report = new Report("proof", options);
    await report.part("broken", () => Promise.reject(new Error("no redis-server")));
    await report.part("sound", async () => [good]);
    expect(report.finish()).toBe(1);
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      ok: false,
      errors: ["broken: no redis-server"],
      figures: [good],
    });
  });

  it("that measured nothing fails", () => {
    expect(new Report("proof", options).finish()).toBe(1);
  });

  it("runs only the parts that were asked for", async () => {
    const report = new Report("proof", { ...options, only: "Redis" });
    const skipped = vi.fn(async () => [good]);
    await report.part("Limiter in memory", skipped);
    await report.part("Limiter on Redis", async () => [good]);
    expect(skipped).not.toHaveBeenCalled();
    expect(report.finish()).toBe(0);
  });
});
