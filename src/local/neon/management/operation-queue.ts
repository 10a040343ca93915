import { randomUUID } from "node:crypto";
import { type Clock } from "../../../core/index.ts";
import { ApiFault } from "./api-fault.ts";

export interface OperationRecord {
  readonly id: string;
  readonly action: string;
  readonly branchId: string | undefined;
  /** Wall clock, ms. */
  readonly createdAt: number;
  readonly startsAt: number;
  readonly endsAt: number;
  readonly ending: { readonly status: "finished" | "failed" | "cancelled"; readonly error?: string };
}

/**
 * The operations of a project, one after the other. Their state is a function of the time alone: `scheduling` until the
 * one before is over, then `running`, then how it ends. No timer runs.
 */
export class OperationQueue {
  readonly #clock: Clock;
  readonly #projectId: string;
  readonly #durationMs: number;
  readonly #records: OperationRecord[] = [];
  readonly #endings: OperationRecord["ending"][] = [];

  constructor(options: { readonly clock: Clock; readonly projectId: string; readonly durationMs: number }) {
    this.#clock = options.clock;
    this.#projectId = options.projectId;
    this.#durationMs = options.durationMs;
  }

  /** Lets the next operation end otherwise. */
  endNext(ending: OperationRecord["ending"]): void {
    this.#endings.push(ending);
  }

  add(action: string, branchId: string | undefined): OperationRecord {
    const createdAt = this.#clock.wallNow();
    const startsAt = Math.max(createdAt + this.#durationMs / 4, this.#records.at(-1)?.endsAt ?? 0);
    const ending = this.#endings.shift() ?? { status: "finished" };
    const endsAt = startsAt + this.#durationMs;
    const record = { id: randomUUID(), action, branchId, createdAt, startsAt, endsAt, ending };
    this.#records.push(record);
    return record;
  }

  /** @throws ApiFault 423 while an operation is under way, as Neon does */
  assertIdle(): void {
    const last = this.#records.at(-1);
    if (last && last.endsAt > this.#clock.wallNow())
      throw new ApiFault(423, "project already has running operations, scheduling of new ones is prohibited");
  }

  /** @throws ApiFault 404 */
  get(id: string): OperationRecord {
    const found = this.#records.find((each) => each.id === id);
    if (!found) throw new ApiFault(404, `operation ${id} not found`);
    return found;
  }

  /** Newest first. */
  list(): OperationRecord[] {
    return this.#records.toReversed();
  }

  toWire({ id, action, branchId, createdAt, startsAt, endsAt, ending }: OperationRecord): Record<string, unknown> {
    const now = this.#clock.wallNow();
    const isOver = now >= endsAt;
    return {
      id,
      project_id: this.#projectId,
      ...(branchId !== undefined && { branch_id: branchId }),
      action,
      status: isOver ? ending.status : now >= startsAt ? "running" : "scheduling",
      ...(isOver && ending.error !== undefined && { error: ending.error }),
      failures_count: ending.status === "failed" && isOver ? 1 : 0,
      created_at: new Date(createdAt).toISOString(),
      updated_at: new Date(Math.min(now, endsAt)).toISOString(),
      total_duration_ms: isOver ? endsAt - createdAt : 0,
    };
  }
}
