import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** True where Prometheus' own checker is installed (Debian: `apt-get install prometheus`). */
export const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

/** Runs promtool. @returns exit status and everything it said */
export function promtool(args: readonly string[], input = ""): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("promtool", args, { input, encoding: "utf8" });
  return { status, output: `${stdout}${stderr}` };
}

/** Checks a rule file. */
export function checkRules(yaml: string): { status: number | null; output: string } {
  return inFolder((folder) => {
    const path = join(folder, "rules.yml");
    writeFileSync(path, yaml);
    return promtool(["check", "rules", path]);
  });
}

/** Lets Prometheus evaluate a rule file. @param tests as in its files of unit tests; JSON is YAML */
export function testRules(yaml: string, tests: readonly object[]): { status: number | null; output: string } {
  return inFolder((folder) => {
    const path = join(folder, "tests.yml");
    writeFileSync(join(folder, "rules.yml"), yaml);
    writeFileSync(path, JSON.stringify({ rule_files: ["rules.yml"], tests }));
    return promtool(["test", "rules", path]);
  });
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "rules-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
