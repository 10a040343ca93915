import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger, RotatingFile } from "../../src/monitoring/index.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "rotating-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const contents = () =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
const line = (text: string) => `${text.repeat(399)}\n`;

describe("RotatingFile", () => {
  it("opens at the first line, makes its folder, and keeps others from reading", () => {
    const path = join(folder, "deep", "app.log");
    const file = new RotatingFile({ path });
    expect(existsSync(join(folder, "deep"))).toBe(false);
    file.write("one\n");
    file.close();
    expect(readFileSync(path, "utf8")).toBe("one\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("rotates by size and keeps so many files, the newest first", () => {
    const file = new RotatingFile({ path: join(folder, "app.log"), maxBytes: 1_024, maxFiles: 3 });
    for (const text of ["a", "b", "c", "d", "e", "f", "g"]) file.write(line(text));
    file.close();
    expect(contents()).toEqual({
      "app.log": line("g"),
      "app.log.1": line("e") + line("f"),
      "app.log.2": line("c") + line("d"),
    });
  });

  it("counts bytes, not characters, and what was in the file before", () => {
    writeFileSync(join(folder, "app.log"), "x".repeat(1_000));
    const file = new RotatingFile({ path: join(folder, "app.log"), maxBytes: 1_024, maxFiles: 2 });
    file.write("ü".repeat(12));
    file.write("!");
    file.close();
    expect(contents()).toEqual({ "app.log": "!", "app.log.1": "x".repeat(1_000) + "ü".repeat(12) });
  });

  it("writes a line above the limit whole, in a file of its own", () => {
    const file = new RotatingFile({ path: join(folder, "app.log"), maxBytes: 1_024, maxFiles: 9 });
    for (const text of ["a\n", "b".repeat(5_000), "c\n"]) file.write(text);
    file.close();
    expect(contents()).toEqual({ "app.log": "c\n", "app.log.1": "b".repeat(5_000), "app.log.2": "a\n" });
  });

  it("with one file starts over", () => {
    const file = new RotatingFile({ path: join(folder, "app.log"), maxBytes: 1_024, maxFiles: 1 });
    for (const text of ["a", "b", "c"]) file.write(line(text));
    file.close();
    expect(contents()).toEqual({ "app.log": line("c") });
  });

  it("sends lines elsewhere while the file cannot be written, says so once, and comes back", () => {
    const blocked = join(folder, "blocked");
    writeFileSync(blocked, "a file where a folder should be");
    const fallback: string[] = [];
    const path = join(blocked, "app.log");
    const file = new RotatingFile({ path, fallback: { write: (text) => fallback.push(text) } });
    file.write("one\n");
    file.write("two\n");
    rmSync(blocked);
    file.write("three\n");
    file.close();
    expect(fallback.map((text) => (text.includes("cannot be written") ? "notice" : text))).toEqual([
      "notice",
      "one\n",
      "two\n",
    ]);
    expect(JSON.parse(fallback[0] as string)).toMatchObject({ level: "error" });
    expect(readFileSync(path, "utf8")).toBe("three\n");
  });

  it("refuses limits out of range, all at once", () => {
    expect(() => new RotatingFile({ path: "x", maxBytes: 10, maxFiles: 0 })).toThrow(
      /maxBytes must be a whole number from 1024 .* got 10; maxFiles must be a whole number from 1 to 1000, got 0/,
    );
  });

  it("takes a logger's lines, cleaned", () => {
    const destination = { path: join(folder, "app.log"), maxBytes: 4_096, maxFiles: 3 };
    const logger = createLogger({ destination, secrets: ["hunter2hunter2"] });
    for (let i = 0; i < 100; i += 1) logger.info({ i, key: "hunter2hunter2" }, "a line");
    logger.close();
    const files = contents();
    expect(Object.keys(files).sort()).toEqual(["app.log", "app.log.1", "app.log.2"]);
    const lines = [files["app.log.2"], files["app.log.1"], files["app.log"]].join("").trimEnd().split("\n");
    const numbers = lines.map((text) => (JSON.parse(text) as { i: number }).i);
    expect(numbers).toEqual(numbers.map((_, i) => 100 - numbers.length + i));
    expect(Object.values(files).every((text) => text.length <= 4_096 && !text.includes("hunter2"))).toBe(true);
  });
});
