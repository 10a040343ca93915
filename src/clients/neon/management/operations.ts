import { IntegrationError, LinkedSignal, redactThrown, sleep } from "../../../core/index.ts";
import { type AdminCallOptions, type ManagementApi } from "./api.ts";
import { deadlineOfAll } from "./budget.ts";
import { MANAGEMENT_SERVICE } from "./options.ts";
import { listOf, nextCursor, type Operation, readOperation } from "./resources.ts";

const done: ReadonlySet<string> = new Set(["finished", "skipped"]);
const failed: ReadonlySet<string> = new Set(["failed", "error", "cancelled"]);

/** Waits between two looks at an operation: most take a second or two, some minutes. ms */
const FIRST_POLL_MS = 250;
const LONGEST_POLL_MS = 5_000;
const POLL_GROWTH = 1.5;

/** The work that Neon does behind its answers. */
export class Operations {
  readonly #api: ManagementApi;

  constructor(api: ManagementApi) {
    this.#api = api;
  }

  /** @throws IntegrationError `NOT_FOUND` */
  async get(id: string, call: AdminCallOptions = {}): Promise<Operation> {
    const path = { project_id: this.#api.options.projectId, operation_id: id };
    const answer = await this.#api.read("operation", call, (sdk, request) =>
      sdk.getProjectOperation({ ...request, path }),
    );
    return readOperation(answer.operation);
  }

  /** The operations of a branch, or of all, that are not over yet; looks at the newest 100. */
  async unfinished(branchId?: string, call: AdminCallOptions = {}): Promise<Operation[]> {
    const path = { project_id: this.#api.options.projectId };
    const answer = await this.#api.read("operations", call, (sdk, request) =>
      sdk.listProjectOperations({ ...request, path, query: { limit: 100 } }),
    );
    return listOf(answer, "operations")
      .map(readOperation)
      .filter(({ status }) => !done.has(status) && !failed.has(status))
      .filter((each) => branchId === undefined || each.branchId === branchId);
  }

  /**
   * Waits until all are finished.
   *
   * @param operations as an answer held them, or their ids
   * @throws IntegrationError `UPSTREAM_STATUS` with `details.operationId` for one that failed or was cancelled;
   * `DEADLINE_EXCEEDED` with `details.operationIds` for those that were still running: they go on, and can be waited for again
   */
  async wait(operations: readonly (Operation | string)[], call: AdminCallOptions = {}): Promise<void> {
    const { clock, waitTimeoutMs } = this.#api.options;
    const deadlineAt = deadlineOfAll(call, clock.now(), waitTimeoutMs);
    const linked = new LinkedSignal().follow(call.signal).follow(call.parent?.signal);
    try {
      await this.#poll(operations, deadlineAt, { ...call, signal: linked.signal });
    } finally {
      linked.dispose();
    }
  }

  async #poll(operations: readonly (Operation | string)[], deadlineAt: number, call: AdminCallOptions): Promise<void> {
    const { clock, random, runner } = this.#api.options;
    const { redact = (text: string) => text } = runner;
    let pending = operations.map((each) =>
      typeof each === "string" ? { id: each, action: "operation", status: "unknown" } : each,
    );
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(LONGEST_POLL_MS, pollMs * POLL_GROWTH)) {
      for (const each of pending) if (failed.has(each.status)) throw redactThrown(failure(each), redact);
      pending = pending.filter(({ status }) => !done.has(status));
      if (pending.length === 0) return;
      const left = deadlineAt - clock.now();
      // Half of it is chance, so that many processes do not ask in step.
      const waitMs = pollMs / 2 + (random.next() * pollMs) / 2;
      if (waitMs >= left) throw stillRunning(pending);
      await sleep(waitMs, clock, call.signal);
      const looks = pending.map(({ id }) => this.get(id, { ...call, deadlineMs: deadlineAt - clock.now() }));
      pending = await Promise.all(looks);
    }
  }
}

/** Walks all pages of a list. */
export async function allPages(
  page: (cursor: string | undefined) => Promise<unknown>,
  name: string,
): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  let cursor: string | undefined;
  for (;;) {
    const answer = await page(cursor);
    const items = listOf(answer, name);
    found.push(...items);
    const next = nextCursor(answer);
    // An empty page, or the same cursor again, is the end, whatever it says.
    if (next === undefined || next === cursor || items.length === 0) return found;
    cursor = next;
  }
}

function failure({
  id,
  action,
  status,
  error,
}: Pick<Operation, "id" | "action" | "status"> & { error?: string | undefined }) {
  return new IntegrationError({
    code: "UPSTREAM_STATUS",
    verdict: "fatal",
    service: MANAGEMENT_SERVICE,
    message: `Neon's operation ${action} (${id}) ended as ${status}${error === undefined ? "" : `: ${error}`}; look at the branch before trying again`,
    details: { operationId: id, action, status },
  });
}

function stillRunning(pending: readonly { readonly id: string; readonly action: string }[]): IntegrationError {
  const names = pending.map(({ id, action }) => `${action} (${id})`).join(", ");
  return new IntegrationError({
    code: "DEADLINE_EXCEEDED",
    verdict: "outcome-unknown",
    service: MANAGEMENT_SERVICE,
    message: `Neon has accepted the request and is still at work on ${names}; wait on with admin.operations.wait, or raise deadlineMs`,
    details: { operationIds: pending.map(({ id }) => id) },
  });
}
