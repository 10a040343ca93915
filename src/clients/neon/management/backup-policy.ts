import { type AdminCallOptions, type ManagementApi } from "./api.ts";
import {
  type BackupPolicy,
  describeSchedule,
  isSameSchedule,
  readSchedule,
  type ScheduleItem,
  wantedSchedule,
} from "./backup-schedule.ts";
import { type BranchDirectory } from "./branch-directory.ts";
import { sharedDeadline } from "./budget.ts";
import { type Branch } from "./resources.ts";

/** What was found, what was changed, and what only a person can mend. */
export interface BackupReport {
  readonly branch: Branch;
  readonly schedule: {
    /** In words, e.g. `daily at 02:00 UTC, kept 30 days`, or `none`. */
    readonly found: string;
    readonly wanted: string;
    /** `unmanaged`: the policy leaves the schedule alone. `differs`: a dry run that would have changed it. */
    readonly outcome: "same" | "changed" | "differs" | "unmanaged";
  };
  readonly pointInTimeRecovery: {
    readonly historyRetentionSeconds: number;
    /** Why a restore to a moment is not possible although the policy wants it. */
    readonly problem: string | undefined;
  };
}

/** Reads, compares, and writes only what differs. */
export async function applyBackupPolicy(
  api: ManagementApi,
  directory: BranchDirectory,
  policy: BackupPolicy,
  { dryRun = false, ...call }: AdminCallOptions & { readonly dryRun?: boolean | undefined },
): Promise<BackupReport> {
  const rest = sharedDeadline(api, call);
  const wanted = policy.enabled ? wantedSchedule(policy) : undefined;
  const branch = await directory.get(undefined, rest());
  const historyRetentionSeconds = await historyRetention(api, rest());
  const found = await schedule(api, branch.id, rest());
  const same = wanted === undefined || isSameSchedule(found, wanted);
  if (!same && !dryRun) await setSchedule(api, branch.id, wanted, rest());
  return {
    branch,
    schedule: {
      found: describeSchedule(found),
      wanted: describeSchedule(wanted ?? found),
      outcome: wanted === undefined ? "unmanaged" : same ? "same" : dryRun ? "differs" : "changed",
    },
    pointInTimeRecovery: {
      historyRetentionSeconds,
      problem:
        policy.pointInTimeRecovery && historyRetentionSeconds <= 0
          ? "the project keeps no history (history_retention_seconds is 0): raise its restore window in the console, or set POINT_IN_TIME_RECOVERY=false"
          : undefined,
    },
  };
}

export async function schedule(api: ManagementApi, branchId: string, call: AdminCallOptions): Promise<ScheduleItem[]> {
  const path = { project_id: api.options.projectId, branch_id: branchId };
  return readSchedule(
    await api.read("backupSchedule", call, (sdk, request) => sdk.getSnapshotSchedule({ ...request, path })),
  );
}

/** Says what shall be, so that it may be said twice. */
async function setSchedule(api: ManagementApi, branchId: string, items: ScheduleItem[], call: AdminCallOptions) {
  const path = { project_id: api.options.projectId, branch_id: branchId };
  await api.run("setBackupSchedule", call, { idempotent: true, write: true }, ({ signal }) =>
    api.attempt((sdk, request) => sdk.setSnapshotSchedule({ ...request, path, body: { schedule: items } }), signal),
  );
}

async function historyRetention(api: ManagementApi, call: AdminCallOptions): Promise<number> {
  const path = { project_id: api.options.projectId };
  const { project } = await api.read("project", call, (sdk, request) => sdk.getProject({ ...request, path }));
  const seconds = (project as { history_retention_seconds?: unknown } | undefined)?.history_retention_seconds;
  return typeof seconds === "number" ? seconds : 0;
}
