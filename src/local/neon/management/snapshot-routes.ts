import { randomBytes } from "node:crypto";
import { type Route } from "../../supabase/router.ts";
import { ApiFault } from "./api-fault.ts";
import { type Project } from "./project.ts";
import { branchToWire, optionalText, readBody, snapshotToWire } from "./wire.ts";

export function snapshotRoutes(project: Project): Route[] {
  const base = `/api/v2/projects/${project.options.projectId}`;
  return [
    {
      on: `POST ${base}/branches/:id/snapshot`,
      handle({ url, params }) {
        const branch = project.branch(params["id"]!);
        if (branch.parentId !== undefined) throw new ApiFault(422, "snapshots can be taken of root branches only");
        const query = Object.fromEntries(url.searchParams);
        project.assertInHistory(query["timestamp"]);
        project.operations.assertIdle();
        const slug = query["slug"] ?? `snapshot-${randomBytes(4).toString("hex")}`;
        if (!/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(slug)) throw new ApiFault(400, "invalid slug");
        const expiresAt = query["expires_at"];
        const snapshot = project.addSnapshot({ name: query["name"] ?? slug, slug, branchId: branch.id, expiresAt });
        return Response.json({ snapshot: snapshotToWire(snapshot), ...project.begin(branch.id, "create_timeline") });
      },
    },
    {
      on: `GET ${base}/snapshots`,
      handle: () => Response.json({ snapshots: project.snapshots.map(snapshotToWire) }),
    },
    {
      on: `DELETE ${base}/snapshots/:id`,
      handle({ params }) {
        const snapshot = project.snapshot(params["id"]!);
        project.operations.assertIdle();
        project.snapshots.splice(project.snapshots.indexOf(snapshot), 1);
        return Response.json(project.begin(snapshot.branchId, "delete_timeline"), { status: 202 });
      },
    },
    {
      on: `POST ${base}/snapshots/:id/restore`,
      async handle({ request, params }) {
        const snapshot = project.snapshot(params["id"]!);
        const body = await readBody(request);
        const target = project.branch(optionalText(body["target_branch_id"]) ?? snapshot.branchId);
        project.operations.assertIdle();
        const branch = project.addBranch({
          name: optionalText(body["name"]) ?? `${target.name} (restored)`,
          parentId: undefined,
          restoreStatus: "restored",
          replaces: target.id,
        });
        if (body["finalize_restore"] === true) finalize(project, branch.id, undefined);
        return Response.json({
          branch: branchToWire(project, branch),
          ...project.begin(branch.id, "create_branch"),
        });
      },
    },
    {
      on: `POST ${base}/branches/:id/finalize_restore`,
      async handle({ request, params }) {
        const { name } = await readBody(request);
        project.operations.assertIdle();
        finalize(project, params["id"]!, optionalText(name));
        return Response.json(project.begin(params["id"], "apply_config"));
      },
    },
  ];
}

/** The restored branch takes over name and computes of the one it replaces. */
function finalize(project: Project, id: string, replacedName: string | undefined): void {
  const branch = project.branch(id);
  if (branch.restoreStatus !== "restored" || branch.replaces === undefined)
    throw new ApiFault(422, "the branch is not a restored one that can be finalized");
  const target = project.branch(branch.replaces);
  const { name, isDefault, hasCompute } = target;
  target.name = replacedName ?? `${name} (old ${randomBytes(2).toString("hex")})`;
  target.isDefault = false;
  target.hasCompute = false;
  Object.assign(branch, { name, isDefault, hasCompute, restoreStatus: "finalized" });
}
