import { ApiFault } from "./api-fault.ts";
import { type BranchRecord, type Project, type SnapshotRecord } from "./project.ts";

type Wire = Record<string, unknown>;
const iso = (ms: number) => new Date(ms).toISOString();

export function branchToWire(project: Project, branch: BranchRecord): Wire {
  const { id, name, parentId, isDefault, isProtected, createdAt, lastResetAt, expiresAt, deletedAt } = branch;
  const busy = project.operations
    .list()
    .some((each) => each.branchId === id && each.endsAt > project.now() && each.action !== "start_compute");
  return {
    id,
    project_id: project.options.projectId,
    ...(parentId !== undefined && { parent_id: parentId }),
    name,
    current_state: busy ? "init" : "ready",
    ...(busy && { pending_state: "ready" }),
    state_changed_at: iso(lastResetAt ?? createdAt),
    creation_source: "console",
    primary: isDefault,
    default: isDefault,
    protected: isProtected,
    ...{ cpu_used_sec: 0, compute_time_seconds: 0, active_time_seconds: 0 },
    ...{ written_data_bytes: 0, data_transfer_bytes: 0 },
    created_at: iso(createdAt),
    updated_at: iso(lastResetAt ?? createdAt),
    ...(lastResetAt !== undefined && { last_reset_at: iso(lastResetAt) }),
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
    ...(branch.restoreStatus !== undefined && { restore_status: branch.restoreStatus }),
    ...(deletedAt !== undefined && {
      recovery: {
        deleted_at: iso(deletedAt),
        recoverable_until: project.recoverableUntil(deletedAt),
        deletion_method: "user",
      },
    }),
  };
}

export function snapshotToWire({ id, name, slug, branchId, createdAt, expiresAt }: SnapshotRecord): Wire {
  return {
    ...{ id, name, slug },
    source_branch_id: branchId,
    timestamp: iso(createdAt),
    created_at: iso(createdAt),
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
    manual: true,
  };
}

/** A page of a list; its cursor is the id of the last item shown. */
export function page<T>(
  items: readonly T[],
  query: URLSearchParams,
  idOf: (item: T) => string,
  { defaultLimit, maxLimit }: { readonly defaultLimit: number; readonly maxLimit: number },
): { items: readonly T[]; pagination: Wire } {
  const limit = Number(query.get("limit") ?? defaultLimit);
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit)
    throw new ApiFault(400, `limit must be between 1 and ${maxLimit}`);
  const cursor = query.get("cursor");
  const start = cursor === null ? 0 : items.findIndex((item) => idOf(item) === cursor) + 1;
  if (cursor !== null && start === 0) throw new ApiFault(400, "invalid cursor");
  const shown = items.slice(start, start + limit);
  const last = shown.at(-1);
  return { items: shown, pagination: last && start + limit < items.length ? { next: idOf(last) } : {} };
}

/** @throws ApiFault 400 for what is no JSON object; an absent body is an empty one */
export async function readBody(request: Request): Promise<Wire> {
  const text = await request.text();
  if (text === "") return {};
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null) return body as Wire;
  } catch {
    // answered below
  }
  throw new ApiFault(400, "could not parse the request body as JSON");
}

export const optionalText = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;
