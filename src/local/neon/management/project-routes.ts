import { type Route } from "../../supabase/router.ts";
import { ApiFault } from "./api-fault.ts";
import { type Project } from "./project.ts";
import { page, readBody } from "./wire.ts";

export interface LocalDatabase {
  readonly database: string;
  readonly role: string;
  /** The local database's own connection string; it has no pooler, so that pooled and direct are the same. */
  readonly connectionString: string;
}

/** Known values of the API's document. */
const frequencies = ["hourly", "daily", "weekly", "monthly", "yearly"];
const MAX_RETENTION_SECONDS = 35 * 86_400;

export function projectRoutes(project: Project, database: LocalDatabase): Route[] {
  const { projectId, historyRetentionSeconds } = project.options;
  const base = `/api/v2/projects/${projectId}`;
  return [
    {
      on: `GET ${base}`,
      handle: () =>
        Response.json({
          project: {
            id: projectId,
            ...{
              platform_id: "aws",
              region_id: "aws-local-1",
              name: "local",
              provisioner: "k8s-neonvm",
              pg_version: 18,
            },
            history_retention_seconds: historyRetentionSeconds,
            created_at: new Date(project.createdAt).toISOString(),
          },
        }),
    },
    {
      on: `GET ${base}/connection_uri`,
      handle({ url }) {
        const query = url.searchParams;
        const branchId = query.get("branch_id");
        if (branchId !== null && !project.branch(branchId).hasCompute)
          throw new ApiFault(404, `branch ${branchId} has no compute`);
        if (query.get("database_name") !== database.database)
          throw new ApiFault(404, `database ${query.get("database_name")} not found`);
        if (query.get("role_name") !== database.role)
          throw new ApiFault(404, `role ${query.get("role_name")} not found`);
        return Response.json({ uri: database.connectionString });
      },
    },
    {
      on: `GET ${base}/operations`,
      handle({ url }) {
        const bounds = { defaultLimit: 100, maxLimit: 1_000 };
        const { items, pagination } = page(project.operations.list(), url.searchParams, ({ id }) => id, bounds);
        return Response.json({ operations: items.map((each) => project.operations.toWire(each)), pagination });
      },
    },
    {
      on: `GET ${base}/operations/:id`,
      handle: ({ params }) =>
        Response.json({ operation: project.operations.toWire(project.operations.get(params["id"]!)) }),
    },
    {
      on: `GET ${base}/branches/:id/backup_schedule`,
      handle: ({ params }) =>
        Response.json({ schedule: project.schedules.get(project.branch(params["id"]!).id) ?? [] }),
    },
    {
      on: `PUT ${base}/branches/:id/backup_schedule`,
      async handle({ request, params }) {
        const branch = project.branch(params["id"]!);
        const { schedule } = await readBody(request);
        if (!Array.isArray(schedule)) throw new ApiFault(400, "schedule must be a list");
        for (const item of schedule) checkItem(item as Record<string, unknown>);
        project.schedules.set(branch.id, schedule);
        return Response.json({});
      },
    },
  ];
}

function checkItem({ frequency, hour, retention_seconds: retention }: Record<string, unknown>): void {
  if (!frequencies.includes(frequency as string)) throw new ApiFault(400, `unknown frequency ${String(frequency)}`);
  if (hour !== undefined && !(Number(hour) >= 0 && Number(hour) <= 23)) throw new ApiFault(400, "hour must be 0 to 23");
  if (retention !== undefined && !(Number(retention) >= 3_600 && Number(retention) <= MAX_RETENTION_SECONDS))
    throw new ApiFault(400, `retention_seconds must be 3600 to ${MAX_RETENTION_SECONDS}`);
}
