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
  const folder = mkdtempSync(join(tmpdir(), "rules-"));
  try {
    const path = join(folder, "rules.yml");
    writeFileSync(path, yaml);
    return promtool(["check", "rules", path]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
