import { randomBytes } from "node:crypto";
import { type Clock } from "../../../core/index.ts";
import { ApiFault } from "./api-fault.ts";
import { OperationQueue, type OperationRecord } from "./operation-queue.ts";

export interface BranchRecord {
  readonly id: string;
  name: string;
  parentId: string | undefined;
  isDefault: boolean;
  isProtected: boolean;
  hasCompute: boolean;
  readonly createdAt: number;
  lastResetAt: number | undefined;
  expiresAt: string | undefined;
  deletedAt: number | undefined;
  restoreStatus: string | undefined;
  /** The branch that a restored snapshot shall replace. */
  replaces: string | undefined;
}

export interface SnapshotRecord {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly branchId: string;
  readonly createdAt: number;
  readonly expiresAt: string | undefined;
}

export interface ProjectOptions {
  readonly projectId: string;
  readonly clock: Clock;
  readonly operationMs: number;
  readonly historyRetentionSeconds: number;
}

/** A deleted branch can be recovered for seven days. */
const RECOVERY_MS = 7 * 86_400_000;
/** Snapshots of a paid plan. */
const MAX_SNAPSHOTS = 10;

/** The records of one project: branches, snapshots, schedules. One database stands behind all of its branches. */
export class Project {
  readonly options: ProjectOptions;
  readonly operations: OperationQueue;
  readonly branches: BranchRecord[] = [];
  readonly snapshots: SnapshotRecord[] = [];
  readonly schedules = new Map<string, readonly unknown[]>();
  readonly createdAt: number;

  constructor(options: ProjectOptions) {
    this.options = options;
    const { clock, projectId, operationMs: durationMs } = options;
    this.operations = new OperationQueue({ clock, projectId, durationMs });
    this.createdAt = clock.wallNow();
    this.addBranch({ name: "main", parentId: undefined, isDefault: true, hasCompute: true });
  }

  addBranch(given: Pick<BranchRecord, "name" | "parentId"> & Partial<BranchRecord>): BranchRecord {
    if (this.branches.some(({ name, deletedAt }) => deletedAt === undefined && name === given.name))
      throw new ApiFault(409, `branch with the name "${given.name}" already exists`, "BRANCH_ALREADY_EXISTS");
    const branch: BranchRecord = {
      id: `br-local-${randomBytes(4).toString("hex")}`,
      ...{ isDefault: false, isProtected: false, hasCompute: false, createdAt: this.now() },
      ...{ lastResetAt: undefined, expiresAt: undefined, deletedAt: undefined },
      ...{ restoreStatus: undefined, replaces: undefined },
      ...given,
    };
    this.branches.push(branch);
    return branch;
  }

  /** @throws ApiFault 404 */
  branch(id: string): BranchRecord {
    const found = this.branches.find((each) => each.id === id && each.deletedAt === undefined);
    if (!found) throw new ApiFault(404, `branch ${id} not found`);
    return found;
  }

  /** @throws ApiFault 404 once the seven days are over */
  deletedBranch(id: string): BranchRecord {
    const found = this.branches.find((each) => each.id === id && this.isRecoverable(each));
    if (!found) throw new ApiFault(404, `deleted branch ${id} not found`);
    return found;
  }

  isRecoverable({ deletedAt }: BranchRecord): boolean {
    return deletedAt !== undefined && this.now() < deletedAt + RECOVERY_MS;
  }

  childrenOf(id: string): BranchRecord[] {
    return this.branches.filter(({ parentId, deletedAt }) => parentId === id && deletedAt === undefined);
  }

  addSnapshot(given: Omit<SnapshotRecord, "id" | "createdAt">): SnapshotRecord {
    if (this.snapshots.length >= MAX_SNAPSHOTS)
      throw new ApiFault(422, `snapshots limit exceeded: ${MAX_SNAPSHOTS}`, "SNAPSHOTS_LIMIT_EXCEEDED");
    if (this.snapshots.some(({ slug }) => slug === given.slug))
      throw new ApiFault(409, `snapshot with the slug "${given.slug}" already exists`);
    const snapshot = { id: `snap-local-${randomBytes(4).toString("hex")}`, createdAt: this.now(), ...given };
    this.snapshots.push(snapshot);
    return snapshot;
  }

  /** @throws ApiFault 404 */
  snapshot(id: string): SnapshotRecord {
    const found = this.snapshots.find((each) => each.id === id);
    if (!found) throw new ApiFault(404, `snapshot ${id} not found`);
    return found;
  }

  /** @throws ApiFault 400 for a moment that the history does not reach */
  assertInHistory(timestamp: unknown): void {
    if (timestamp === undefined || timestamp === null) return;
    const at = Date.parse(typeof timestamp === "string" ? timestamp : "");
    if (Number.isNaN(at)) throw new ApiFault(400, "timestamp must be in the RFC 3339 format");
    if (at > this.now()) throw new ApiFault(400, "timestamp is in the future");
    if (at < this.now() - this.options.historyRetentionSeconds * 1_000)
      throw new ApiFault(400, "timestamp is outside of the history retention period of the project");
  }

  now(): number {
    return this.options.clock.wallNow();
  }

  /** Adds operations and shows them as the answer to a request does. */
  begin(branchId: string | undefined, ...actions: string[]): { operations: Record<string, unknown>[] } {
    const records: OperationRecord[] = actions.map((action) => this.operations.add(action, branchId));
    return { operations: records.map((record) => this.operations.toWire(record)) };
  }

  recoverableUntil(deletedAt: number): string {
    return new Date(deletedAt + RECOVERY_MS).toISOString();
  }
}
