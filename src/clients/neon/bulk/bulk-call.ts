import { type AttemptContext } from "../../../core/index.ts";
import { type ClientContext } from "../client-context.ts";
import { toNeonError } from "../errors.ts";
import { type DriverResult, type Rows } from "../rows.ts";
import { type Statement } from "../sql.ts";
import { type Lease } from "../../connection-pool-manager.ts";
import { type BulkInserter } from "./bulk-insert.ts";
import { type BulkInsertOptions, type BulkRow } from "./bulk-options.ts";
import { type CopyIn } from "./copy-in.ts";

/** Runs statements in one transaction, within an attempt that is under way. */
export type RunTogether = (statements: readonly Statement[], own: AttemptContext) => Promise<readonly DriverResult[]>;

/** A bulk insert as a call of its own, under the client's policies. */
export async function runBulkInsert<R extends object>(
  context: ClientContext,
  bulk: BulkInserter,
  runTogether: RunTogether,
  table: string,
  rows: readonly BulkRow[],
  options: BulkInsertOptions,
): Promise<Rows<R>> {
  const idempotent = options.idempotent ?? false;
  const { executor, runner } = context;
  try {
    return await runner.run(context.spec("bulkInsert", options, { idempotent, write: true }), (own) =>
      bulk.insert<R>(table, rows, options, {
        run: (statement) => executor.execute(statement, { signal: own.signal }, idempotent, context.clock.now()),
        runAll: (statements) => runTogether(statements, own),
        copy: (copyIn) => copyAlone(context, copyIn, own.signal, idempotent),
        told: (statement, { rows: { length } }, startedAt) =>
          context.told({ ...statement, rows: length, startedAt, name: options.name, by: own }, executor.transport),
        failed: (statement, thrown, startedAt) =>
          context.failed({ ...statement, startedAt, name: options.name, by: own }, executor.transport, thrown),
      }),
    );
  } finally {
    context.cache.forget([table.split(".").at(-1)!]);
  }
}

async function copyAlone(
  { pools }: ClientContext,
  copyIn: CopyIn,
  signal: AbortSignal,
  repeatable: boolean,
): Promise<number> {
  const lease = await pools.connect(signal);
  try {
    await lease.query(copyIn as unknown as Parameters<Lease["query"]>[0], signal);
    return copyIn.rowCount;
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    // A COPY whose end was not sent stores nothing, whatever became of the connection.
    const rolledBack = !copyIn.sentAll;
    throw toNeonError(thrown, { operation: "bulkInsert", phase: "query", repeatable, rolledBack });
  } finally {
    lease.release();
  }
}
