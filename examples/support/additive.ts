import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** Asserts that `after` is `before` with lines added, none changed, and returns how many were added. */
export function addedLines(before: URL, after: URL): number {
  const code = (file: URL) =>
    readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("//"));
  const rest = code(after);
  const total = rest.length;
  let kept = 0;
  for (const line of code(before)) {
    const at = rest.indexOf(line);
    assert.notEqual(at, -1, `the host's own line was changed: ${line}`);
    rest.splice(0, at + 1);
    kept += 1;
  }
  return total - kept;
}
