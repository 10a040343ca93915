import { IntegrationError } from "../../../core/index.ts";
import { MANAGEMENT_SERVICE } from "./options.ts";

/** A branch of the project: a copy of the database's storage with a history of its own. */
export interface Branch {
  readonly id: string;
  readonly name: string;
  readonly parentId: string | undefined;
  readonly isDefault: boolean;
  readonly isProtected: boolean;
  /** `init`, `resetting`, `ready`, `archived`, or what Neon adds later. */
  readonly state: string;
  readonly logicalSizeBytes: number | undefined;
  /** `restored` until a restore from a snapshot is finalized, then `finalized`. */
  readonly restoreStatus: string | undefined;
  /** ISO 8601, as all dates here. */
  readonly createdAt: string;
  readonly lastResetAt: string | undefined;
  readonly expiresAt: string | undefined;
  /** Set for a deleted branch that can still be recovered, until then. */
  readonly recoverableUntil: string | undefined;
}

/** A piece of work that Neon does after it has answered. */
export interface Operation {
  readonly id: string;
  /** `create_branch`, `start_compute`, … */
  readonly action: string;
  /** `scheduling`, `running`, `finished`, `skipped`, `failed`, `error`, `cancelling`, `cancelled`, or what Neon adds later. */
  readonly status: string;
  readonly branchId: string | undefined;
  readonly error: string | undefined;
}

/** A branch's state at one moment, kept until it is deleted or expires. */
export interface BranchSnapshot {
  readonly id: string;
  readonly name: string;
  readonly slug: string | undefined;
  readonly branchId: string | undefined;
  readonly createdAt: string;
  readonly expiresAt: string | undefined;
  /** False for those that the backup schedule took. */
  readonly isManual: boolean;
}

type Wire = Readonly<Record<string, unknown>>;

/** @throws IntegrationError `INVALID_OUTPUT` for what is no branch; unknown members and values are fine */
export function readBranch(value: unknown): Branch {
  const wire = record(value, "branch");
  return {
    id: required(wire, "id", "branch"),
    name: required(wire, "name", "branch"),
    parentId: text(wire["parent_id"]),
    isDefault: wire["default"] === true,
    isProtected: wire["protected"] === true,
    state: text(wire["current_state"]) ?? "unknown",
    logicalSizeBytes: typeof wire["logical_size"] === "number" ? wire["logical_size"] : undefined,
    restoreStatus: text(wire["restore_status"]),
    createdAt: text(wire["created_at"]) ?? "",
    lastResetAt: text(wire["last_reset_at"]),
    expiresAt: text(wire["expires_at"]),
    recoverableUntil: text((wire["recovery"] as Wire | undefined)?.["recoverable_until"]),
  };
}

/** @throws IntegrationError `INVALID_OUTPUT` */
export function readOperation(value: unknown): Operation {
  const wire = record(value, "operation");
  return {
    id: required(wire, "id", "operation"),
    action: text(wire["action"]) ?? "unknown",
    status: required(wire, "status", "operation"),
    branchId: text(wire["branch_id"]),
    error: text(wire["error"]),
  };
}

/** @throws IntegrationError `INVALID_OUTPUT` */
export function readSnapshot(value: unknown): BranchSnapshot {
  const wire = record(value, "snapshot");
  return {
    id: required(wire, "id", "snapshot"),
    name: text(wire["name"]) ?? "",
    slug: text(wire["slug"]),
    branchId: text(wire["source_branch_id"]),
    createdAt: text(wire["created_at"]) ?? "",
    expiresAt: text(wire["expires_at"]),
    isManual: wire["manual"] !== false,
  };
}

/** The operations of an answer, which not every answer has. */
export function operationsOf(answer: unknown): Operation[] {
  return listOf(answer, "operations").map(readOperation);
}

/** A list inside an answer; none counts as empty. */
export function listOf(answer: unknown, name: string): readonly unknown[] {
  const list = (answer as Wire | null | undefined)?.[name];
  return Array.isArray(list) ? list : [];
}

/** The cursor of the next page. */
export function nextCursor(answer: unknown): string | undefined {
  return text(((answer as Wire | null | undefined)?.["pagination"] as Wire | undefined)?.["next"]);
}

export function unusable(what: string): IntegrationError {
  return new IntegrationError({
    code: "INVALID_OUTPUT",
    service: MANAGEMENT_SERVICE,
    message: `Neon's management API answered without ${what}`,
  });
}

function record(value: unknown, what: string): Wire {
  if (typeof value !== "object" || value === null) throw unusable(`a ${what}`);
  return value as Wire;
}

function required(wire: Wire, name: string, what: string): string {
  const value = text(wire[name]);
  if (value === undefined) throw unusable(`the ${name} of a ${what}`);
  return value;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
