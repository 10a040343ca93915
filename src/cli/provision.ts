import { loadEnv } from "../config/index.ts";
import { silentLogger } from "../core/index.ts";
import { CommandError, readArguments } from "./arguments.ts";
import { table } from "./table.ts";

const usage = `Usage: enhanced-integration provision [--dry-run] [--create-branch] [--json]
Makes the Neon project what the settings say: the branch NEON_BRANCH and its backups (BACKUP_*), and checks that the
project's history allows a restore to a moment (POINT_IN_TIME_RECOVERY). What is right already is left alone.
  --dry-run        only says what would change
  --create-branch  makes NEON_BRANCH of the project's default branch if it is missing
  --json           one object
Exits with 1 if something is wrong that it cannot mend.`;

export async function run(args: readonly string[]): Promise<number> {
  const flag = { type: "boolean", default: false } as const;
  const read = readArguments(args, usage, { "dry-run": flag, "create-branch": flag, json: flag });
  if (!read) return 0;
  const { "dry-run": dryRun, "create-branch": createBranch, json } = read.values;
  const { createIntegration } = await import("../integration.ts");
  await using integration = createIntegration(loadEnv(), { logger: silentLogger });
  const { admin } = integration.neon;
  const name = integration.config.neon.branch;

  const isMissing = (await admin.branches.find(name)) === undefined;
  if (isMissing && !createBranch)
    throw new CommandError(`the project has no branch "${name}" (NEON_BRANCH); --create-branch makes it`);
  if (isMissing && dryRun) {
    const rest = "the backups can be compared once it is there";
    console.log(
      json ? JSON.stringify({ branch: { name, outcome: "differs" } }) : `would create the branch "${name}"; ${rest}`,
    );
    return 0;
  }
  if (isMissing) {
    const from = (await admin.branches.list()).find(({ isDefault }) => isDefault)?.id;
    await admin.branches.create({ name, from });
  }
  const report = await admin.applyBackupPolicy({ dryRun });
  const branch = { id: report.branch.id, name, outcome: isMissing ? "created" : "same" };
  const { schedule, pointInTimeRecovery } = report;
  if (json) console.log(JSON.stringify({ branch, schedule, pointInTimeRecovery }));
  else {
    const { found, wanted, outcome } = schedule;
    const change = outcome === "same" || outcome === "unmanaged" ? found : `${found} → ${wanted}`;
    const days = pointInTimeRecovery.historyRetentionSeconds / 86_400;
    console.log(
      table([
        ["branch", branch.outcome, `${name} (${branch.id})`],
        ["backups", outcome === "differs" ? "would change" : outcome, change],
        [
          "restore",
          pointInTimeRecovery.problem ? "wrong" : "ok",
          pointInTimeRecovery.problem ?? `${days} ${days === 1 ? "day" : "days"} of history`,
        ],
      ]),
    );
  }
  return pointInTimeRecovery.problem === undefined ? 0 : 1;
}
