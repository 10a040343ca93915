import { IntegrationError } from "../../../core/index.ts";
import { MANAGEMENT_SERVICE } from "./options.ts";

/** A point in a branch's history: by time, or by the position in its write-ahead log. */
export interface Moment {
  /** Must lie inside the project's history window. */
  readonly at?: Date | undefined;
  /** A log sequence number such as `0/1A2B3C4`. */
  readonly lsn?: string | undefined;
}

/** @throws IntegrationError `INVALID_INPUT` for both, for an invalid one, or, where one is needed, for none */
export function readMoment({ at, lsn }: Moment, { required = false } = {}): { timestamp?: string; lsn?: string } {
  if (at !== undefined && lsn !== undefined) throw invalid("give at or lsn, not both");
  if (required && at === undefined && lsn === undefined)
    throw invalid("say which moment: at (a Date) or lsn (such as 0/1A2B3C4)");
  if (at !== undefined && !(at instanceof Date && Number.isFinite(at.getTime())))
    throw invalid("at must be a valid Date");
  if (lsn !== undefined && !/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i.test(lsn))
    throw invalid("lsn must be a log sequence number such as 0/1A2B3C4");
  return { ...(at && { timestamp: at.toISOString() }), ...(lsn !== undefined && { lsn }) };
}

/** @throws IntegrationError `INVALID_INPUT` */
export function checkName(name: unknown, what: string): string {
  if (typeof name === "string" && name.trim() !== "" && name.length <= 256) return name;
  throw invalid(`${what} must be a name of 1 to 256 characters`);
}

export function invalid(problem: string): IntegrationError {
  return new IntegrationError({
    code: "INVALID_INPUT",
    service: MANAGEMENT_SERVICE,
    message: `${MANAGEMENT_SERVICE}: ${problem}`,
  });
}
