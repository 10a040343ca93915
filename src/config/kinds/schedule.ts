import { accepted, type Kind, type Parsed, refused } from "./kind.ts";

/** A backup schedule in the shapes that Neon knows; hours are UTC. */
export type Schedule =
  | { readonly frequency: "hourly" }
  | { readonly frequency: "daily"; readonly hour: number }
  /** `day` 0 is Sunday. */
  | { readonly frequency: "weekly"; readonly hour: number; readonly day: number }
  | { readonly frequency: "monthly"; readonly hour: number; readonly day: number }
  /** `month` 1 is January. */
  | { readonly frequency: "yearly"; readonly hour: number; readonly day: number; readonly month: number };

const hint =
  'write "0 * * * *" (hourly), "0 2 * * *" (daily), "0 2 * * 1" (weekly), "0 2 1 * *" (monthly) or "0 2 1 1 *" (yearly)';

/** A cron line on the whole hour, as Neon's backup schedules allow. */
export const schedule: Kind<Schedule> = {
  expects: "a cron line on the whole hour: hourly, daily, weekly, monthly or yearly",
  sensitive: false,
  parse(text) {
    // Docker's --env-file keeps the comment that dotenv files may carry behind a value.
    const fields = text.replace(/\s+#.*$/s, "").split(/\s+/);
    const [minute, hour, day, month, weekday] = fields.map(field);
    if (fields.length !== 5 || [minute, hour, day, month, weekday].includes(undefined))
      return refused("is not a cron line of five fields, each a number or *", hint);
    return shapeOf(minute, hour, day, month, weekday);
  },
  show: formatSchedule,
};

/** The cron line of a schedule; {@link schedule} reads it back. */
export function formatSchedule(value: Schedule): string {
  switch (value.frequency) {
    case "hourly":
      return "0 * * * *";
    case "daily":
      return `0 ${value.hour} * * *`;
    case "weekly":
      return `0 ${value.hour} * * ${value.day}`;
    case "monthly":
      return `0 ${value.hour} ${value.day} * *`;
    case "yearly":
      return `0 ${value.hour} ${value.day} ${value.month} *`;
  }
}

type Field = number | "*" | undefined;

function field(text: string): Field {
  if (text === "*") return "*";
  return /^\d{1,2}$/.test(text) ? Number(text) : undefined;
}

function shapeOf(minute: Field, hour: Field, day: Field, month: Field, weekday: Field): Parsed<Schedule> {
  if (minute !== 0) return refused("does not run on the whole hour", "let the first field be 0");
  const every = (...fields: Field[]) => fields.every((value) => value === "*");
  if (every(hour, day, month, weekday)) return accepted({ frequency: "hourly" });
  if (!within(hour, 0, 23)) return refused("has no hour from 0 to 23 in its second field", hint);
  if (every(day, month, weekday)) return accepted({ frequency: "daily", hour });
  if (every(day, month) && within(weekday, 0, 7)) return accepted({ frequency: "weekly", hour, day: weekday % 7 });
  if (!every(weekday)) return refused("mixes a weekday with a date, or has a weekday outside 0 to 7", hint);
  if (!within(day, 1, 28)) return refused("has no day from 1 to 28, the days that every month has", hint);
  if (every(month)) return accepted({ frequency: "monthly", hour, day });
  if (!within(month, 1, 12)) return refused("has no month from 1 to 12", hint);
  return accepted({ frequency: "yearly", hour, day, month });
}

function within(value: Field, min: number, max: number): value is number {
  return typeof value === "number" && value >= min && value <= max;
}
