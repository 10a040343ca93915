import { invalid } from "./moment.ts";
import { listOf } from "./resources.ts";

/** When snapshots are taken, in the shapes that Neon knows; hours are UTC. */
export type BackupSchedule =
  | { readonly frequency: "hourly" }
  | { readonly frequency: "daily"; readonly hour: number }
  /** `day` 0 is Sunday, 1 Monday. */
  | { readonly frequency: "weekly"; readonly hour: number; readonly day: number }
  | { readonly frequency: "monthly"; readonly hour: number; readonly day: number }
  /** `month` 1 is January. */
  | { readonly frequency: "yearly"; readonly hour: number; readonly day: number; readonly month: number };

/** What a deployment wants of its backups. */
export interface BackupPolicy {
  /** False leaves the branch's schedule as it is (BACKUP_ENABLED). */
  readonly enabled: boolean;
  /** BACKUP_SCHEDULE */
  readonly schedule: BackupSchedule;
  /** Days that a scheduled snapshot is kept, 1 to 35 (BACKUP_RETENTION_DAYS). */
  readonly retentionDays: number;
  /** Whether the project must keep a history to restore from (POINT_IN_TIME_RECOVERY). */
  readonly pointInTimeRecovery: boolean;
}

/** One line of a schedule as the API writes it. */
export interface ScheduleItem {
  readonly frequency: string;
  readonly hour?: number;
  readonly day?: number;
  readonly month?: number;
  readonly retention_seconds?: number;
}

const DAY_SECONDS = 86_400;
/** Neon's bound on scheduled snapshots, and what it takes where nothing is said: 35 days. */
const MAX_RETENTION_SECONDS = 35 * DAY_SECONDS;

/** @throws IntegrationError `INVALID_INPUT` for a retention that Neon does not offer */
export function wantedSchedule({ schedule, retentionDays }: BackupPolicy): ScheduleItem[] {
  const seconds = retentionDays * DAY_SECONDS;
  if (!(seconds >= 3_600 && seconds <= MAX_RETENTION_SECONDS))
    throw invalid(
      `Neon keeps scheduled snapshots for at most 35 days, but BACKUP_RETENTION_DAYS (retentionDays) is ${retentionDays}; lower it, or take snapshots of your own with an expiresAt`,
    );
  return [{ ...schedule, retention_seconds: seconds }];
}

/** A branch's schedule as the API tells it. */
export function readSchedule(answer: unknown): ScheduleItem[] {
  return listOf(answer, "schedule").map((each) => {
    const { frequency, hour, day, month, retention_seconds: retention } = each as ScheduleItem;
    return {
      frequency,
      ...(hour !== undefined && { hour }),
      ...(day !== undefined && { day }),
      ...(month !== undefined && { month }),
      retention_seconds: retention ?? MAX_RETENTION_SECONDS,
    };
  });
}

/** The same times and retentions, in whatever order. */
export function isSameSchedule(one: readonly ScheduleItem[], other: readonly ScheduleItem[]): boolean {
  const lines = (items: readonly ScheduleItem[]) => items.map(describeItem).sort().join("\n");
  return lines(one) === lines(other);
}

/** For people: `daily at 02:00 UTC, kept 30 days`; `none`. */
export function describeSchedule(items: readonly ScheduleItem[]): string {
  return items.length === 0 ? "none" : items.map(describeItem).join("; ");
}

function describeItem({
  frequency,
  hour,
  day,
  month,
  retention_seconds: retention = MAX_RETENTION_SECONDS,
}: ScheduleItem) {
  const date = [day !== undefined && `day ${day}`, month !== undefined && `month ${month}`].filter(Boolean).join(", ");
  const time = hour === undefined ? "" : ` at ${String(hour).padStart(2, "0")}:00 UTC`;
  const days = retention / DAY_SECONDS;
  const kept = Number.isInteger(days) ? `${days} days` : `${retention} s`;
  return `${frequency}${date === "" ? "" : ` (${date})`}${time}, kept ${kept}`;
}
