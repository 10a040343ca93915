import { IntegrationError } from "../../../core/index.ts";
import { type AdminCallOptions, type ManagementApi, unlessMissing } from "./api.ts";
import { sharedDeadline } from "./budget.ts";
import { checkName } from "./moment.ts";
import { allPages, type Operations } from "./operations.ts";
import { MANAGEMENT_SERVICE } from "./options.ts";
import { type Branch, listOf, operationsOf, readBranch } from "./resources.ts";

export interface ListBranchesQuery {
  /** Part of a name. */
  readonly search?: string | undefined;
  /** Shows deleted ones that can be recovered. @defaultValue false */
  readonly includeDeleted?: boolean | undefined;
  /** Branches per request, 1 to 10,000. @defaultValue 100 */
  readonly pageSize?: number | undefined;
}

/** Only a branch's id looks like this; a name may, but then the id is asked first. */
const BRANCH_ID = /^br-[a-z0-9-]+$/;

/** Finds branches, and what has become of them. Where a branch is named, its id does as well. */
export class BranchDirectory {
  readonly #api: ManagementApi;
  readonly #operations: Operations;

  constructor(api: ManagementApi, operations: Operations) {
    this.#api = api;
    this.#operations = operations;
  }

  async list(query: ListBranchesQuery, call: AdminCallOptions): Promise<Branch[]> {
    const { search, includeDeleted, pageSize = 100 } = query;
    const fixed = {
      limit: pageSize,
      ...(search !== undefined && { search }),
      ...(includeDeleted && { include_deleted: true }),
    };
    const rest = sharedDeadline(this.#api, call);
    const page = (cursor: string | undefined) =>
      this.#api.read("branches", rest(), (sdk, request) =>
        sdk.listProjectBranches({
          ...request,
          path: this.#project,
          query: { ...fixed, ...(cursor !== undefined && { cursor }) },
        }),
      );
    return (await allPages(page, "branches")).map(readBranch);
  }

  async find(branch: string, call: AdminCallOptions): Promise<Branch | undefined> {
    checkName(branch, "branch");
    const rest = sharedDeadline(this.#api, call);
    if (BRANCH_ID.test(branch)) {
      const path = { ...this.#project, branch_id: branch };
      const read = this.#api.read("branch", rest(), (sdk, request) => sdk.getProjectBranch({ ...request, path }));
      const answer = await unlessMissing(read);
      if (answer) return readBranch(answer.branch);
    }
    return (await this.list({ search: branch }, rest())).find(({ name }) => name === branch);
  }

  /** @throws IntegrationError `NOT_FOUND` */
  async get(branch: string = this.#api.options.branch, call: AdminCallOptions = {}): Promise<Branch> {
    const found = await this.find(branch, call);
    if (found) return found;
    const { projectId, branch: own } = this.#api.options;
    throw new IntegrationError({
      code: "NOT_FOUND",
      service: MANAGEMENT_SERVICE,
      operation: "branch",
      message: `the project ${projectId} has no branch "${branch}"${branch === own ? "; NEON_BRANCH names it" : ""}`,
    });
  }

  /** @throws IntegrationError `CONFLICT` */
  async assertFree(name: string, call: AdminCallOptions): Promise<void> {
    const taken = (await this.list({ search: name }, call)).some((each) => each.name === name);
    if (taken)
      throw new IntegrationError({
        code: "CONFLICT",
        service: MANAGEMENT_SERVICE,
        message: `the project already has a branch "${name}"; choose another name, or delete it first`,
      });
  }

  /** What a lost answer would have held, as far as a branch's name tells. */
  async lookFor(name: string, signal: AbortSignal): Promise<unknown> {
    const query = { search: name, limit: 100 };
    const answer = await this.#api.attempt(
      (sdk, request) => sdk.listProjectBranches({ ...request, path: this.#project, query }),
      signal,
    );
    const branch = listOf(answer, "branches").find((each) => readBranch(each).name === name);
    return branch && { branch, isLookedUp: true };
  }

  /** The same where the branch was there before, and its state tells. */
  async lookAt(id: string, tells: (branch: Branch) => boolean, signal: AbortSignal): Promise<unknown> {
    const path = { ...this.#project, branch_id: id };
    const answer = await unlessMissing(
      this.#api.attempt((sdk, request) => sdk.getProjectBranch({ ...request, path }), signal),
    );
    return answer && tells(readBranch(answer.branch)) ? { branch: answer.branch, isLookedUp: true } : undefined;
  }

  /** Waits for the operations of an answer, or of one that was looked up. @returns its branch as it is then */
  async settled(answer: unknown, rest: () => AdminCallOptions): Promise<Branch> {
    const { branch: wire, isLookedUp } = (answer ?? {}) as { branch?: unknown; isLookedUp?: boolean };
    const branch = readBranch(wire);
    const operations = isLookedUp ? await this.#operations.unfinished(branch.id, rest()) : operationsOf(answer);
    if (operations.length === 0) return branch;
    await this.#operations.wait(operations, rest());
    return this.get(branch.id, rest());
  }

  get #project() {
    return { project_id: this.#api.options.projectId };
  }
}
