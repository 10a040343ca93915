import { randomUUID } from "node:crypto";
import { IntegrationError } from "../../../core/index.ts";
import { type AdminCallOptions, type ManagementApi, type Send, unlessMissing } from "./api.ts";
import { type BranchDirectory } from "./branch-directory.ts";
import { sharedDeadline } from "./budget.ts";
import { checkName, type Moment, readMoment } from "./moment.ts";
import { type Operations } from "./operations.ts";
import { MANAGEMENT_SERVICE } from "./options.ts";
import { type Branch, type BranchSnapshot, listOf, operationsOf, readSnapshot } from "./resources.ts";
import { writeOnce } from "./write-once.ts";

export interface CreateSnapshotInput extends Moment {
  readonly name: string;
  /** Name or id. @defaultValue the client's branch */
  readonly branch?: string | undefined;
  /** Neon deletes it then. @defaultValue never */
  readonly expiresAt?: Date | undefined;
}

export interface RestoreSnapshotInput {
  /** Name or id. */
  readonly snapshot: string;
  /** Name of the branch that the snapshot becomes. Must be free. */
  readonly name: string;
  /** Name or id of the branch it shall replace. @defaultValue the one it was taken of */
  readonly onto?: string | undefined;
  /**
   * Lets the new branch take over the computes of the one it replaces, at once. Without it, look at the branch first
   * and then call {@link Snapshots.finalize}. @defaultValue false
   */
  readonly finalize?: boolean | undefined;
}

/** Snapshots (beta at Neon): of root branches; one on the Free plan, ten on paid ones. */
export class Snapshots {
  readonly #api: ManagementApi;
  readonly #operations: Operations;
  readonly #directory: BranchDirectory;

  constructor(api: ManagementApi, operations: Operations, directory: BranchDirectory) {
    this.#api = api;
    this.#operations = operations;
    this.#directory = directory;
  }

  async list(call: AdminCallOptions = {}): Promise<BranchSnapshot[]> {
    const answer = await this.#api.read("snapshots", call, (sdk, request) =>
      sdk.listSnapshots({ ...request, path: this.#project }),
    );
    return listOf(answer, "snapshots").map(readSnapshot);
  }

  /**
   * Takes a snapshot and waits until it is complete.
   *
   * @throws IntegrationError `INVALID_INPUT` if the plan's number is reached or the moment is outside the history window
   */
  async create(input: CreateSnapshotInput, call: AdminCallOptions = {}): Promise<BranchSnapshot> {
    const rest = sharedDeadline(this.#api, call);
    const name = checkName(input.name, "name");
    const moment = readMoment(input);
    const branch = await this.#directory.get(input.branch, rest());
    // Unique in the project, and ours alone: by it a lost answer is found, whatever the names are.
    const slug = `ei-${randomUUID()}`;
    const expiry = input.expiresAt && { expires_at: input.expiresAt.toISOString() };
    const query = { name, slug, ...moment, ...expiry };
    const path = { ...this.#project, branch_id: branch.id };
    const send: Send<unknown> = (sdk, request) => sdk.createSnapshot({ ...request, path, query });
    const look = async (signal: AbortSignal) => {
      const answer = await this.#api.attempt(
        (sdk, request) => sdk.listSnapshots({ ...request, path: this.#project }),
        signal,
      );
      const snapshot = listOf(answer, "snapshots").find((each) => readSnapshot(each).slug === slug);
      return snapshot && { snapshot };
    };
    const subject = `the snapshot "${name}"`;
    const answer = await writeOnce(this.#api, { operation: "createSnapshot", send, look, subject }, rest());
    await this.#operations.wait(operationsOf(answer), rest());
    return readSnapshot((answer as { snapshot?: unknown }).snapshot);
  }

  /** Makes a branch of a snapshot. @throws IntegrationError `NOT_FOUND`, `CONFLICT` if the name is taken */
  async restore(input: RestoreSnapshotInput, call: AdminCallOptions = {}): Promise<Branch> {
    const rest = sharedDeadline(this.#api, call);
    const name = checkName(input.name, "name");
    const snapshot = await this.#get(input.snapshot, rest());
    const target = input.onto === undefined ? undefined : await this.#directory.get(input.onto, rest());
    await this.#directory.assertFree(name, rest());
    const path = { ...this.#project, snapshot_id: snapshot.id };
    // Finalized apart: a finalized branch bears another name, by which a lost answer could not be looked up.
    const body = { name, finalize_restore: false, ...(target && { target_branch_id: target.id }) };
    const send: Send<unknown> = (sdk, request) => sdk.restoreSnapshot({ ...request, path, body });
    const look = (signal: AbortSignal) => this.#directory.lookFor(name, signal);
    const subject = `the branch "${name}"`;
    const answer = await writeOnce(this.#api, { operation: "restoreSnapshot", send, look, subject }, rest());
    const restored = await this.#directory.settled(answer, rest);
    return input.finalize ? this.finalize({ branch: restored.id }, rest()) : restored;
  }

  /**
   * Ends the preview of a restored branch: it takes over name and computes of the one it replaces.
   *
   * @param input.replacedName under which the replaced branch is kept; Neon chooses one otherwise
   */
  async finalize(
    input: { readonly branch: string; readonly replacedName?: string | undefined },
    call: AdminCallOptions = {},
  ): Promise<Branch> {
    const rest = sharedDeadline(this.#api, call);
    const branch = await this.#directory.get(input.branch, rest());
    const path = { ...this.#project, branch_id: branch.id };
    const body = input.replacedName === undefined ? {} : { name: checkName(input.replacedName, "replacedName") };
    const send: Send<unknown> = (sdk, request) => sdk.finalizeRestoreBranch({ ...request, path, body });
    const look = async (signal: AbortSignal) =>
      this.#directory.lookAt(branch.id, ({ restoreStatus }) => restoreStatus === "finalized", signal);
    const subject = `the restore status of the branch "${branch.name}"`;
    const answer = await writeOnce(this.#api, { operation: "finalizeRestore", send, look, subject }, rest());
    await this.#operations.wait(operationsOf(answer), rest());
    return this.#directory.get(branch.id, rest());
  }

  /** Deletes a snapshot by name or id; deleting a deleted one is no failure. */
  async delete(snapshot: string, call: AdminCallOptions = {}): Promise<void> {
    const rest = sharedDeadline(this.#api, call);
    const found = await this.#find(snapshot, rest());
    if (!found) return;
    const path = { ...this.#project, snapshot_id: found.id };
    const policy = { idempotent: true, write: true };
    const answer = await this.#api.run("deleteSnapshot", rest(), policy, ({ signal }) =>
      unlessMissing(this.#api.attempt((sdk, request) => sdk.deleteSnapshot({ ...request, path }), signal)),
    );
    await this.#operations.wait(operationsOf(answer), rest());
  }

  async #find(snapshot: string, call: AdminCallOptions): Promise<BranchSnapshot | undefined> {
    const all = await this.list(call);
    const byId = all.find(({ id }) => id === checkName(snapshot, "snapshot"));
    if (byId) return byId;
    const named = all.filter(({ name }) => name === snapshot);
    if (named.length < 2) return named[0];
    throw new IntegrationError({
      code: "CONFLICT",
      service: MANAGEMENT_SERVICE,
      message: `${named.length} snapshots are called "${snapshot}"; say which by id: ${named.map(({ id }) => id).join(", ")}`,
    });
  }

  async #get(snapshot: string, call: AdminCallOptions): Promise<BranchSnapshot> {
    const found = await this.#find(snapshot, call);
    if (found) return found;
    throw new IntegrationError({
      code: "NOT_FOUND",
      service: MANAGEMENT_SERVICE,
      message: `the project ${this.#api.options.projectId} has no snapshot "${snapshot}"`,
    });
  }

  get #project() {
    return { project_id: this.#api.options.projectId };
  }
}
