import { type Route } from "../../supabase/router.ts";
import { ApiFault } from "./api-fault.ts";
import { type BranchRecord, type Project } from "./project.ts";
import { branchToWire, optionalText, page, readBody } from "./wire.ts";

export function branchRoutes(project: Project, connectionUri: (pooled: boolean) => string): Route[] {
  const base = `/api/v2/projects/${project.options.projectId}/branches`;
  const show = (branch: BranchRecord) => ({ branch: branchToWire(project, branch) });
  return [
    {
      on: `GET ${base}`,
      handle({ url }) {
        const search = url.searchParams.get("search") ?? "";
        const withDeleted = url.searchParams.get("include_deleted") === "true";
        const found = project.branches
          .filter((each) => each.deletedAt === undefined || (withDeleted && project.isRecoverable(each)))
          .filter(({ name, id }) => name.includes(search) || id === search);
        const bounds = { defaultLimit: 10_000, maxLimit: 10_000 };
        const { items, pagination } = page(found, url.searchParams, ({ id }) => id, bounds);
        const branches = items.map((branch) => branchToWire(project, branch));
        return Response.json({ branches, annotations: {}, pagination });
      },
    },
    {
      on: `POST ${base}`,
      async handle({ request }) {
        const { branch: given = {}, endpoints } = (await readBody(request)) as {
          branch?: Record<string, unknown>;
          endpoints?: unknown;
        };
        const parent = project.branch(optionalText(given["parent_id"]) ?? defaultBranch(project).id);
        project.assertInHistory(given["parent_timestamp"]);
        project.operations.assertIdle();
        const hasCompute = Array.isArray(endpoints) && endpoints.length > 0;
        const branch = project.addBranch({
          name: optionalText(given["name"]) ?? `branch-${project.branches.length + 1}`,
          parentId: parent.id,
          isProtected: given["protected"] === true,
          expiresAt: optionalText(given["expires_at"]),
          hasCompute,
        });
        const operations = project.begin(branch.id, "create_branch", ...(hasCompute ? ["start_compute"] : []));
        const uris = hasCompute ? { connection_uris: [{ connection_uri: connectionUri(false) }] } : {};
        const rest = { endpoints: [], roles: [], databases: [] };
        return Response.json({ ...show(branch), ...rest, ...operations, ...uris }, { status: 201 });
      },
    },
    { on: `GET ${base}/:id`, handle: ({ params }) => Response.json(show(project.branch(params["id"]!))) },
    {
      on: `DELETE ${base}/:id`,
      handle({ params }) {
        const branch = project.branches.find(({ id }) => id === params["id"]);
        if (branch?.deletedAt !== undefined) return new Response(null, { status: 204 });
        const { id, isDefault, isProtected } = project.branch(params["id"]!);
        if (isDefault) throw new ApiFault(422, "cannot delete the default branch");
        if (isProtected) throw new ApiFault(422, "cannot delete a protected branch");
        if (project.childrenOf(id).length > 0) throw new ApiFault(422, "cannot delete a branch that has children");
        project.operations.assertIdle();
        branch!.deletedAt = project.now();
        return Response.json({ ...show(branch!), ...project.begin(id, "delete_timeline") });
      },
    },
    {
      on: `POST ${base}/:id/recover`,
      handle({ params }) {
        const branch = project.deletedBranch(params["id"]!);
        project.operations.assertIdle();
        if (project.branches.some(({ name, deletedAt }) => name === branch.name && deletedAt === undefined))
          throw new ApiFault(409, `branch with the name "${branch.name}" already exists`);
        branch.deletedAt = undefined;
        return Response.json(show(branch));
      },
    },
    {
      on: `POST ${base}/:id/restore`,
      async handle({ request, params }) {
        const branch = project.branch(params["id"]!);
        const body = await readBody(request);
        restore(project, branch, body);
        return Response.json({ ...show(branch), ...project.begin(branch.id, "create_branch", "apply_config") });
      },
    },
  ];
}

/** The records change; the one local database stays as it is. */
function restore(project: Project, branch: BranchRecord, body: Record<string, unknown>): void {
  const source = project.branch(optionalText(body["source_branch_id"]) ?? "(none)");
  const { source_timestamp: timestamp, source_lsn: lsn } = body;
  if (timestamp !== undefined && lsn !== undefined)
    throw new ApiFault(400, "source_timestamp and source_lsn are mutually exclusive");
  if (source.id === branch.id && timestamp === undefined && lsn === undefined)
    throw new ApiFault(400, "source_timestamp or source_lsn is required to restore a branch to its own history");
  project.assertInHistory(timestamp);
  const preserveAs = optionalText(body["preserve_under_name"]);
  const children = project.childrenOf(branch.id);
  if (preserveAs === undefined && (source.id === branch.id || children.length > 0))
    throw new ApiFault(422, "preserve_under_name is required");
  project.operations.assertIdle();
  if (preserveAs !== undefined) {
    const kept = project.addBranch({ name: preserveAs, parentId: branch.parentId });
    for (const child of children) child.parentId = kept.id;
  }
  branch.lastResetAt = project.now();
}

function defaultBranch(project: Project): BranchRecord {
  return project.branches.find(({ isDefault }) => isDefault)!;
}
