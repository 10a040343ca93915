import { spawnSync } from "node:child_process";

/** True where Prometheus' own checker is installed (Debian: `apt-get install prometheus`). */
export const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

/** Runs promtool. @returns exit status and everything it said */
export function promtool(args: readonly string[], input = ""): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("promtool", args, { input, encoding: "utf8" });
  return { status, output: `${stdout}${stderr}` };
}
