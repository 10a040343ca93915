import { type AdminCallOptions, type ManagementApi, type Send } from "./api.ts";
import { type BranchDirectory } from "./branch-directory.ts";
import { sharedDeadline } from "./budget.ts";
import { checkName, invalid, type Moment, readMoment } from "./moment.ts";
import { type Branch } from "./resources.ts";
import { writeOnce } from "./write-once.ts";

export interface RestoreBranchInput extends Moment {
  /** Name or id of the branch that is taken back. @defaultValue the client's */
  readonly branch?: string | undefined;
  /** Name or id of the branch whose past is taken. @defaultValue the branch itself */
  readonly from?: string | undefined;
  /** Name of a new branch that keeps the state of now: the way back. Must be free. */
  readonly preserveAs: string;
}

export interface ResetBranchInput {
  /** Name or id. */
  readonly branch: string;
  /** Name of a new branch that keeps the state of now. Needed if the branch has children. @defaultValue it is lost */
  readonly preserveAs?: string | undefined;
}

/** Point-in-time restore; the preserved branch also tells whether a restore happened whose answer was lost. */
export async function restoreBranch(
  api: ManagementApi,
  directory: BranchDirectory,
  input: RestoreBranchInput,
  call: AdminCallOptions,
): Promise<Branch> {
  const rest = sharedDeadline(api, call);
  const { timestamp, lsn } = readMoment(input, { required: true });
  const now = api.options.clock.wallNow();
  if (input.at && input.at.getTime() > now) throw invalid(`at lies in the future: ${input.at.toISOString()}`);
  const preserveAs = checkName(input.preserveAs, "preserveAs");
  const branch = await directory.get(input.branch, rest());
  const source = input.from === undefined ? branch : await directory.get(input.from, rest());
  await directory.assertFree(preserveAs, rest());
  const body = {
    source_branch_id: source.id,
    preserve_under_name: preserveAs,
    ...(timestamp !== undefined && { source_timestamp: timestamp }),
    ...(lsn !== undefined && { source_lsn: lsn }),
  };
  const look = async (signal: AbortSignal) =>
    (await directory.lookFor(preserveAs, signal)) && directory.lookAt(branch.id, () => true, signal);
  return send(api, directory, { operation: "restoreBranch", branch, body, look }, rest);
}

/** Takes a branch to its parent's state of now. Without a preserved branch, the time of its last reset tells. */
export async function resetToParent(
  api: ManagementApi,
  directory: BranchDirectory,
  { branch: name, preserveAs }: ResetBranchInput,
  call: AdminCallOptions,
): Promise<Branch> {
  const rest = sharedDeadline(api, call);
  const branch = await directory.get(checkName(name, "branch"), rest());
  const { parentId, lastResetAt } = branch;
  if (parentId === undefined) throw invalid(`"${branch.name}" has no parent to be reset to`);
  if (preserveAs !== undefined) await directory.assertFree(checkName(preserveAs, "preserveAs"), rest());
  const body = { source_branch_id: parentId, ...(preserveAs !== undefined && { preserve_under_name: preserveAs }) };
  const look = (signal: AbortSignal) => directory.lookAt(branch.id, (now) => now.lastResetAt !== lastResetAt, signal);
  return send(api, directory, { operation: "resetBranch", branch, body, look }, rest);
}

interface Restore {
  readonly operation: string;
  readonly branch: Branch;
  readonly body: { readonly source_branch_id: string };
  readonly look: (signal: AbortSignal) => Promise<unknown>;
}

async function send(
  api: ManagementApi,
  directory: BranchDirectory,
  { operation, branch, body, look }: Restore,
  rest: () => AdminCallOptions,
): Promise<Branch> {
  const path = { project_id: api.options.projectId, branch_id: branch.id };
  const request: Send<unknown> = (sdk, common) => sdk.restoreProjectBranch({ ...common, path, body });
  const subject = `the state of the branch "${branch.name}"`;
  return directory.settled(await writeOnce(api, { operation, send: request, look, subject }, rest()), rest);
}
