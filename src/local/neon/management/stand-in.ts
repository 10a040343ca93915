import { createHash, timingSafeEqual } from "node:crypto";
import { type Clock, systemClock } from "../../../core/index.ts";
import { Router } from "../../supabase/router.ts";
import { ApiFault, renderApiFault } from "./api-fault.ts";
import { branchRoutes } from "./branch-routes.ts";
import { type OperationRecord } from "./operation-queue.ts";
import { Project } from "./project.ts";
import { type LocalDatabase, projectRoutes } from "./project-routes.ts";
import { snapshotRoutes } from "./snapshot-routes.ts";

export interface ManagementStandInOptions {
  readonly projectId: string;
  /** The only key that is let in. */
  readonly apiKey: string;
  readonly database: LocalDatabase;
  /** How long an operation takes, ms; while one runs, the project answers writes with 423. @defaultValue 200 */
  readonly operationMs?: number | undefined;
  /** The window for point-in-time restore, seconds. @defaultValue 86,400 */
  readonly historyRetentionSeconds?: number | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Neon's management API for one project, as the vendor's SDK speaks to it: `/api/v2/projects/<id>/…`.
 *
 * Branches, snapshots and schedules are records, and operations take their time; but one database stands behind all
 * branches. A branch's connection URI is the local database's own, a restore changes no row, and no schedule fires.
 */
export class ManagementStandIn {
  readonly #router: Router;
  readonly #project: Project;
  readonly #key: Buffer;

  constructor(options: ManagementStandInOptions) {
    const { projectId, database, operationMs = 200, historyRetentionSeconds = 86_400, clock = systemClock } = options;
    this.#project = new Project({ projectId, clock, operationMs, historyRetentionSeconds });
    this.#key = digest(`Bearer ${options.apiKey}`);
    this.#router = new Router([
      ...branchRoutes(this.#project, () => database.connectionString),
      ...snapshotRoutes(this.#project),
      ...projectRoutes(this.#project, database),
    ]);
  }

  /** Lets the next operation end otherwise. */
  endNextOperation(ending: OperationRecord["ending"]): void {
    this.#project.operations.endNext(ending);
  }

  async handle(request: Request): Promise<Response> {
    try {
      if (!timingSafeEqual(digest(request.headers.get("authorization") ?? ""), this.#key))
        throw new ApiFault(401, "This request is not authenticated.");
      const found = this.#router.match(request);
      if (found) return await found.route.handle(found.exchange);
      const { pathname } = new URL(request.url);
      throw new ApiFault(404, `the local Neon API does not serve ${request.method} ${pathname}`);
    } catch (thrown) {
      return renderApiFault(thrown);
    }
  }
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
