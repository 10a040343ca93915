import { Secret } from "../../../core/index.ts";
import { type AdminCallOptions, type ManagementApi, type Send, unlessMissing } from "./api.ts";
import { type BranchDirectory, type ListBranchesQuery } from "./branch-directory.ts";
import { sharedDeadline } from "./budget.ts";
import { checkName, invalid, type Moment, readMoment } from "./moment.ts";
import { type Operations } from "./operations.ts";
import { type Branch, listOf, operationsOf } from "./resources.ts";
import { writeOnce } from "./write-once.ts";

export interface CreateBranchInput extends Moment {
  /** Must be free; a lost answer is looked up by it. */
  readonly name: string;
  /** Name or id of the parent. @defaultValue the client's branch */
  readonly from?: string | undefined;
  /** Copies the schema without the rows. @defaultValue false */
  readonly schemaOnly?: boolean | undefined;
  /** Gives it a compute to connect to. @defaultValue true */
  readonly withCompute?: boolean | undefined;
  /** Keeps it from being deleted or reset. @defaultValue false */
  readonly isProtected?: boolean | undefined;
  /** Neon deletes it then. @defaultValue never */
  readonly expiresAt?: Date | undefined;
}

/** `connectionUri` is undefined without a compute, or if the first answer was lost: ask `admin.connectionUri` then. */
export type CreatedBranch = Branch & { readonly connectionUri: Secret | undefined };

/** The project's branches. Where a branch is named, its id does as well. */
export class Branches {
  readonly #api: ManagementApi;
  readonly #operations: Operations;
  readonly #directory: BranchDirectory;

  constructor(api: ManagementApi, operations: Operations, directory: BranchDirectory) {
    this.#api = api;
    this.#operations = operations;
    this.#directory = directory;
  }

  /** All of them, page by page. */
  list(query: ListBranchesQuery = {}, call: AdminCallOptions = {}): Promise<Branch[]> {
    return this.#directory.list(query, call);
  }

  /** Undefined if there is none of that name or id. */
  find(branch: string, call: AdminCallOptions = {}): Promise<Branch | undefined> {
    return this.#directory.find(branch, call);
  }

  /** @param branch name or id; without it the client's own. @throws IntegrationError `NOT_FOUND` */
  get(branch?: string, call: AdminCallOptions = {}): Promise<Branch> {
    return this.#directory.get(branch, call);
  }

  /**
   * Makes a branch and waits until it is ready.
   *
   * @throws IntegrationError `CONFLICT` if the name is taken, `NOT_FOUND` for the parent, `INVALID_INPUT`,
   * `OUTCOME_UNKNOWN` if nobody can tell; and what {@link Operations.wait} throws
   */
  async create(input: CreateBranchInput, call: AdminCallOptions = {}): Promise<CreatedBranch> {
    const rest = sharedDeadline(this.#api, call);
    const { timestamp, lsn } = readMoment(input);
    const name = checkName(input.name, "name");
    await this.#directory.assertFree(name, rest());
    const parent = await this.#directory.get(input.from, rest());
    const body = {
      branch: {
        name,
        parent_id: parent.id,
        ...(timestamp !== undefined && { parent_timestamp: timestamp }),
        ...(lsn !== undefined && { parent_lsn: lsn }),
        ...(input.schemaOnly && { init_source: "schema-only" }),
        ...(input.isProtected && { protected: true }),
        ...(input.expiresAt && { expires_at: input.expiresAt.toISOString() }),
      },
      ...((input.withCompute ?? true) && { endpoints: [{ type: "read_write" as const }] }),
    };
    const send: Send<unknown> = (sdk, request) => sdk.createProjectBranch({ ...request, path: this.#project, body });
    const look = (signal: AbortSignal) => this.#directory.lookFor(name, signal);
    const subject = `the branch "${name}"`;
    const answer = await writeOnce(this.#api, { operation: "createBranch", send, look, subject }, rest());
    const branch = await this.#directory.settled(answer, rest);
    const [details] = listOf(answer, "connection_uris") as readonly { connection_uri?: unknown }[];
    const uri = details?.connection_uri;
    return { ...branch, connectionUri: typeof uri === "string" ? new Secret(uri) : undefined };
  }

  /**
   * Deletes a branch; deleting a deleted one is no failure. Neon keeps it recoverable for seven days.
   *
   * @throws IntegrationError `INVALID_INPUT` for the client's own branch, and for what Neon refuses: one with children, the default one
   */
  async delete(branch: string, call: AdminCallOptions = {}): Promise<void> {
    const rest = sharedDeadline(this.#api, call);
    const found = await this.#directory.find(branch, rest());
    if (!found) return;
    if ([found.id, found.name].includes(this.#api.options.branch))
      throw invalid(`"${found.name}" is the branch that this client works on (NEON_BRANCH); it is not deleted`);
    const path = { ...this.#project, branch_id: found.id };
    const policy = { idempotent: true, write: true };
    const answer = await this.#api.run("deleteBranch", rest(), policy, ({ signal }) =>
      unlessMissing(this.#api.attempt((sdk, request) => sdk.deleteProjectBranch({ ...request, path }), signal)),
    );
    await this.#operations.wait(operationsOf(answer), rest());
  }

  /** Brings a deleted branch back (beta; within seven days). @throws IntegrationError `NOT_FOUND` */
  async recover(branch: string, call: AdminCallOptions = {}): Promise<Branch> {
    const rest = sharedDeadline(this.#api, call);
    const all = await this.#directory.list({ includeDeleted: true }, rest());
    const deleted = all.find((each) => each.recoverableUntil !== undefined && [each.id, each.name].includes(branch));
    if (!deleted) return this.#directory.get(branch, rest());
    const path = { ...this.#project, branch_id: deleted.id };
    // The vendor's SDK has no function for it since Neon took it out of the published document.
    const url = "/projects/{project_id}/branches/{branch_id}/recover";
    const send: Send<unknown> = async (_sdk, { client, signal }) => {
      const { data } = await client.post({ url, path, signal, throwOnError: true });
      return data;
    };
    const look = (signal: AbortSignal) =>
      this.#directory.lookAt(deleted.id, ({ recoverableUntil }) => recoverableUntil === undefined, signal);
    const subject = `the branch "${deleted.name}"`;
    const answer = await writeOnce(this.#api, { operation: "recoverBranch", send, look, subject }, rest());
    return this.#directory.settled(answer, rest);
  }

  get #project() {
    return { project_id: this.#api.options.projectId };
  }
}
