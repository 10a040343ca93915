import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OurRun } from "./our-engine.ts";
import { type Point, type Scenario } from "./scenario.ts";

/**
 * Lets Prometheus evaluate the exported rules over the same series, and holds its alerts against ours at every step:
 * pending and firing ones through `ALERTS`, texts of the firing ones through the alerts themselves.
 * @returns what it found to differ, by scenario
 */
export async function compareWithPromtool(
  runs: readonly { readonly scenario: Scenario; readonly ours: OurRun }[],
): Promise<Map<number, string>> {
  const folder = mkdtempSync(join(tmpdir(), "ei-rules-"));
  try {
    const files = runs.map(({ scenario, ours }) => {
      writeFileSync(join(folder, `rules-${scenario.seed}.yml`), ours.rulesFile);
      const file = join(folder, `test-${scenario.seed}.yml`);
      writeFileSync(file, testFile(scenario, ours));
      return file;
    });
    const { output } = await run("promtool", ["test", "rules", ...files]);
    const differing = new Map<number, string>();
    for (const part of output.split("Unit Testing:  ").slice(1)) {
      const seed = Number(/test-(\d+)\.yml/.exec(part)?.[1]);
      if (!/^\s*SUCCESS\s*$/m.test(part)) differing.set(seed, part);
    }
    const told = output.split("Unit Testing:  ").length - 1;
    if (told !== runs.length)
      throw new Error(`promtool told of ${told} of ${runs.length} files: ${output.slice(0, 2_000)}`);
    return differing;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** JSON is YAML. */
function testFile(scenario: Scenario, ours: OurRun): string {
  const seconds = (ms: number): string => `${ms / 1_000}s`;
  const test = {
    interval: seconds(scenario.intervalMs),
    input_series: scenario.series.map(({ name, labels, points }) => ({
      series: `${name}${labelText(labels)}`,
      values: points.map(pointText).join(" "),
    })),
    promql_expr_test: ours.standings.map(({ at, alerts }) => ({
      expr: "ALERTS",
      eval_time: seconds(at),
      exp_samples: alerts.map(({ name, state, severity, labels }) => ({
        // Where a label's template comes out empty, ALERTS shows the template itself; the alert has no such label.
        labels: `ALERTS${labelText({ severity, ...scenario.rules[name]?.labels, ...labels, alertname: name, alertstate: state })}`,
        value: 1,
      })),
    })),
    alert_rule_test: ours.standings.flatMap(({ at, alerts }) =>
      Object.keys(scenario.rules).map((alertname) => ({
        eval_time: seconds(at),
        alertname,
        exp_alerts: alerts
          .filter(({ name, state }) => name === alertname && state === "firing")
          .map(({ severity, labels, message }) => ({
            exp_labels: { severity, ...labels },
            exp_annotations: { summary: message },
          })),
      })),
    ),
  };
  return JSON.stringify({
    rule_files: [`rules-${scenario.seed}.yml`],
    evaluation_interval: seconds(scenario.evaluationMs),
    tests: [test],
  });
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(",")}}`;
}

function pointText(point: Point): string {
  if (point === "absent") return "_";
  if (point === "stale" || Number.isFinite(point)) return String(point);
  return Number.isNaN(point) ? "NaN" : point > 0 ? "Inf" : "-Inf";
}

function run(command: string, args: readonly string[]): Promise<{ output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", reject).on("close", () => resolve({ output }));
  });
}
