import { Secret } from "../../../core/index.ts";
import { type AdminCallOptions, ManagementApi } from "./api.ts";
import { applyBackupPolicy, type BackupReport } from "./backup-policy.ts";
import { type BackupPolicy } from "./backup-schedule.ts";
import { BranchDirectory } from "./branch-directory.ts";
import { Branches } from "./branches.ts";
import { sharedDeadline } from "./budget.ts";
import { invalid } from "./moment.ts";
import { Operations } from "./operations.ts";
import { type NeonAdminOptions, resolveAdminOptions } from "./options.ts";
import { unusable, type Branch } from "./resources.ts";
import { resetToParent, type ResetBranchInput, restoreBranch, type RestoreBranchInput } from "./restore.ts";
import { Snapshots } from "./snapshots.ts";

export interface ConnectionUriInput {
  /** Name or id. @defaultValue the client's branch */
  readonly branch?: string | undefined;
  /** @defaultValue the client's `database` */
  readonly database?: string | undefined;
  /** @defaultValue the client's `role` */
  readonly role?: string | undefined;
  /** Through Neon's pooler. @defaultValue false */
  readonly isPooled?: boolean | undefined;
}

/**
 * Neon's management API for one project: branches, restore, snapshots and backups. A call is done when Neon is: it waits
 * for the operations that the request set off. What must not happen twice is looked up after a lost answer, never repeated blindly.
 *
 * @example
 * const admin = new NeonAdmin({ projectId: "quiet-river-12345678", apiKey });
 * const preview = await admin.branches.create({ name: "preview/42" });
 * await admin.restoreBranch({ at: new Date("2026-01-01T08:00:00Z"), preserveAs: "main before the restore" });
 */
export class NeonAdmin {
  readonly branches: Branches;
  readonly snapshots: Snapshots;
  readonly operations: Operations;
  readonly #api: ManagementApi;
  readonly #directory: BranchDirectory;

  /** @throws IntegrationError `INVALID_INPUT` naming every wrong option */
  constructor(options: NeonAdminOptions) {
    this.#api = new ManagementApi(resolveAdminOptions(options));
    this.operations = new Operations(this.#api);
    this.#directory = new BranchDirectory(this.#api, this.operations);
    this.branches = new Branches(this.#api, this.operations, this.#directory);
    this.snapshots = new Snapshots(this.#api, this.operations, this.#directory);
  }

  /**
   * Takes a branch back to a moment of its history (or of another branch's); its connections are cut. The state of now
   * is kept as the branch `preserveAs`.
   *
   * @throws IntegrationError `INVALID_INPUT` for a moment outside the history window, `CONFLICT` if `preserveAs` is taken
   */
  restoreBranch(input: RestoreBranchInput, call: AdminCallOptions = {}): Promise<Branch> {
    return restoreBranch(this.#api, this.#directory, input, call);
  }

  /** Takes a branch to its parent's state of now; what it changed itself is lost unless `preserveAs` keeps it. */
  resetBranch(input: ResetBranchInput, call: AdminCallOptions = {}): Promise<Branch> {
    return resetToParent(this.#api, this.#directory, input, call);
  }

  /**
   * Makes the backups of the client's branch what the policy says: reads, compares, writes only what differs.
   *
   * @param options.policy @defaultValue the client's `backup`
   * @param options.dryRun only tells what would change
   * @throws IntegrationError `INVALID_INPUT` without a policy or for one that Neon cannot keep; `FORBIDDEN` where the plan has no schedules
   */
  applyBackupPolicy(
    options: AdminCallOptions & { readonly policy?: BackupPolicy; readonly dryRun?: boolean | undefined } = {},
  ): Promise<BackupReport> {
    const { policy = this.#api.options.backup, ...call } = options;
    if (!policy) throw invalid("applyBackupPolicy needs a policy, or the client the option backup");
    return applyBackupPolicy(this.#api, this.#directory, policy, call);
  }

  /** How to connect to a branch; it holds the password. @throws IntegrationError `NOT_FOUND` for branch, database or role */
  async connectionUri(input: ConnectionUriInput = {}, call: AdminCallOptions = {}): Promise<Secret> {
    const { projectId, database, role } = this.#api.options;
    const rest = sharedDeadline(this.#api, call);
    const branch = await this.#directory.get(input.branch, rest());
    const query = {
      branch_id: branch.id,
      database_name: input.database ?? database,
      role_name: input.role ?? role,
      pooled: input.isPooled ?? false,
    };
    const { uri } = await this.#api.read("connectionUri", rest(), (sdk, request) =>
      sdk.getConnectionUri({ ...request, path: { project_id: projectId }, query }),
    );
    if (typeof uri !== "string" || uri === "") throw unusable("a connection URI");
    return new Secret(uri);
  }
}
