import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findBrowser, hasBrowser } from "./browser.ts";

const folder = mkdtempSync(join(tmpdir(), "browser-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = (name: string) => {
  const path = join(folder, name);
  writeFileSync(path, "", { mode: 0o755 });
  return path;
};

describe("where the browser is", () => {
  it("takes the one it is told of, before what is on the PATH", () => {
    const [own, other] = [program("own"), program("google-chrome")];
    const PATH = ["/nowhere", folder].join(delimiter);
    expect(findBrowser({ PATH, CHROMIUM_PATH: own })).toBe(own);
    expect(findBrowser({ PATH, CHROMIUM_PATH: "" })).toBe(other);
  });

  it("says what it looked for and what to do, when there is none", () => {
    writeFileSync(join(folder, "chromium"), "not executable");
    expect(() => findBrowser({ PATH: "/nowhere" })).toThrow(
      /none of chromium, .* is on the PATH; install one \(.*\) or set CHROMIUM_PATH/,
    );
    const CHROMIUM_PATH = join(folder, "chromium");
    expect(() => findBrowser({ CHROMIUM_PATH })).toThrow(`CHROMIUM_PATH is ${CHROMIUM_PATH}, and no program is there`);
    expect(() => hasBrowser({ CI: "true", PATH: "" })).toThrow("no browser");
    expect(() => hasBrowser({ CHROMIUM_PATH })).toThrow("no browser");
  });
});
