import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DemoSummary } from "../../examples/quickstart/summary.ts";
import { sampleDataFile } from "../../src/local/index.ts";
import { root, run, start } from "../support/program.ts";

const demo = "examples/quickstart.ts";
let folder: string;
beforeAll(async () => {
  // The demo imports the package by its name, as a host does, so it needs the build.
  const built = spawnSync(process.execPath, ["scripts/ensure-build.mjs"], { cwd: root, encoding: "utf8" });
  if (built.status !== 0) throw new Error(built.stderr);
  folder = await mkdtemp(join(tmpdir(), "enhanced-integration-demo-test-"));
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const noStackTrace = /^(?![\s\S]*\n\s+at )/;

/** `--json` prints one object and nothing else. */
function onlyObject(stdout: string): DemoSummary {
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  return JSON.parse(stdout);
}

function sum(counts: object): number {
  return Object.values(counts).reduce((total: number, count: number) => total + count, 0);
}

/** Some of the sample's rows, with two that are broken. */
async function brokenCsv(rows: number): Promise<{ file: string; fields: string; price: string }> {
  const lines = (await readFile(sampleDataFile(), "utf8")).split("\n").slice(0, rows + 1);
  const [tooShort, wrongPrice] = ["1,2,3", lines[30]!.replace(/^[^,]*/, "much")];
  lines.splice(10, 0, tooShort);
  lines.splice(40, 0, wrongPrice);
  const file = join(folder, "broken.csv");
  await writeFile(file, lines.join("\n"));
  return {
    file,
    fields: "line 11 is skipped: has 3 fields instead of 19",
    price: 'line 41 is skipped: price "much" is not a number',
  };
}

describe("npm run demo", () => {
  it.concurrent(
    "stores what is right in a file with broken rows, names the others' lines, and stores nothing new again",
    { timeout: 300_000 },
    async () => {
      const { file, fields, price } = await brokenCsv(70);
      const args = ["--data", file, "--data-dir", join(folder, "twice")];
      const first = await run(demo, args);
      expect(first.stderr).toBe("");
      expect(first.stdout).toContain(fields);
      expect(first.stdout).toContain(price);
      expect(first.stdout).toMatch(/scraped 4 of 4 pages, stored 70/);
      expect(first.stdout).toMatch(/older home near the water with a big lot under 700k/);
      expect(first.stdout.trimEnd().split("\n").at(-1)).toBe("demo ok: 70 listings, 70 embedded, 0 duplicates, 0 lost");
      expect(first.code).toBe(0);

      const second = await run(demo, [...args, "--json"]);
      const summary = onlyObject(second.stdout);
      expect(summary).toMatchObject({
        ...{ listings: 70, embedded: 70, duplicates: 0, lost: 0, ok: true, resumed: false, documents: 2 },
        stored: { inserted: 0, updated: 0, unchanged: 70, embedded: 0 },
        skippedRows: [
          { line: 11, problem: "has 3 fields instead of 19" },
          { line: 41, problem: 'price "much" is not a number' },
        ],
      });
      expect(summary.alertMatches).toBeGreaterThan(0);
      expect(second.stderr).toContain(fields);
      expect(second.stderr).toContain(price);
      expect(second.code).toBe(0);
    },
  );

  it.concurrent(
    "ends cleanly on Ctrl-C half way, and goes on from there in the next run",
    { timeout: 300_000 },
    async () => {
      const args = ["--rows", "160", "--data-dir", join(folder, "interrupted")];
      const first = start(demo, args);
      await first.said(/half way/);
      first.child.kill("SIGINT");
      const cut = await first.ended;
      expect(cut.code).toBe(130);
      expect(cut.stderr).toBe("demo: interrupted; what was stored is kept, and the next run goes on from there\n");

      const second = await run(demo, [...args, "--json"]);
      const summary = onlyObject(second.stdout);
      expect(summary).toMatchObject({
        ...{ listings: 160, embedded: 160, duplicates: 0, lost: 0, ok: true, resumed: true, skippedRows: [] },
        hits: expect.any(Array) as unknown[],
        seconds: expect.any(Number) as number,
        documents: 2,
      });
      // What the first run stored, this one did not.
      expect(summary.stored.inserted).toBeLessThanOrEqual(80);
      expect(summary.peakMemoryMb).toBeLessThan(1_200);
      expect(summary.hits).toHaveLength(5);
      expect(Object.keys(summary.calls).sort()).toEqual(["neon", "ollama", "supabase", "tinyfish"]);
      for (const [service, figures] of Object.entries(summary.calls)) {
        expect(figures, service).toEqual({
          count: expect.any(Number) as number,
          retries: expect.any(Number) as number,
          errors: expect.any(Number) as number,
          p50Ms: expect.any(Number) as number,
          p95Ms: expect.any(Number) as number,
          breaker: expect.stringMatching(/^(closed|open|half-open)$/) as string,
        });
        expect(figures.count, service).toBeGreaterThan(0);
        expect(figures.p95Ms, service).toBeGreaterThanOrEqual(figures.p50Ms);
      }
      for (const [service, counts] of Object.entries(summary.faults))
        expect(sum(counts), `faults of ${service}`).toBeGreaterThan(0);
      expect(second.stderr).toMatch(/half way/);
      expect(second.code).toBe(0);
    },
  );

  it.concurrent("ends with 130 on Ctrl-C during its start, and at once on a second one", async () => {
    const once = start(demo, ["--rows", "20", "--data-dir", join(folder, "early")]);
    await once.said(/starting/);
    once.child.kill("SIGINT");
    expect(await once.ended).toMatchObject({
      code: 130,
      stderr: expect.stringMatching(/^demo: interrupted/) as string,
    });

    const twice = start(demo, ["--rows", "20", "--data-dir", join(folder, "early")]);
    await twice.said(/starting/);
    twice.child.kill("SIGINT");
    // Two signals of a kind are one while the first waits: the other kind asks just as well.
    twice.child.kill("SIGTERM");
    expect(await twice.ended).toMatchObject({ code: 130, stderr: "" });
  });

  it.each([
    [["--data", "nowhere.csv"], "there is no file nowhere.csv"],
    [["--rows", "0"], '--rows must be a whole number of 1 or more, but is "0"'],
    [["--rows", "abc"], '--rows must be a whole number of 1 or more, but is "abc"'],
    [["--rows", "1.5"], '--rows must be a whole number of 1 or more, but is "1.5"'],
    [["--rows", ""], '--rows must be a whole number of 1 or more, but is ""'],
    [["--row", "5"], "Unknown option '--row'; --help names the options"],
    [["houses.csv"], "Unexpected argument 'houses.csv'; --help names the options"],
    [["--data"], "Option '--data <value>' argument missing; --help names the options"],
  ])("refuses %j in one line", async (args, problem) => {
    expect(await run(demo, args)).toEqual({ code: 1, stdout: "", stderr: `demo: ${problem}\n` });
  });

  it.each([
    ["other columns", "city,price\nSeattle,1\n", /lacks the columns bedrooms, bathrooms, .*sqft_lot15/],
    ["nothing", "", /is empty|lacks the columns/],
    ["no usable row", "", /holds no house that could be used/],
  ])("refuses a file with %s in one line", async (name, content, problem) => {
    const file = join(folder, `${name}.csv`);
    const header = (await readFile(sampleDataFile(), "utf8")).split("\n")[0]!;
    await writeFile(file, name === "no usable row" ? `${header}\n1,2,3\n` : content);
    const { code, stdout, stderr } = await run(demo, ["--data", file]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(problem);
    expect(stderr).toMatch(noStackTrace);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  it("says how it is used", async () => {
    const { code, stdout, stderr } = await run(demo, ["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const option of ["--rows", "--data", "--data-dir", "--fresh", "--json"]) expect(stdout).toContain(option);
  });
});
