import { type AttemptContext, type IntegrationError, raceSignal } from "../../core/index.ts";
import { beginStatement } from "./begin-statement.ts";
import { type BulkInserter } from "./bulk/bulk-insert.ts";
import { type ClientContext } from "./client-context.ts";
import { type TransactionOptions } from "./neon-options.ts";
import { type DriverResult, toResult } from "./rows.ts";
import { Session } from "./session.ts";
import { type Statement } from "./sql.ts";
import { type Transaction } from "./transaction-types.ts";

type Work<T> = (transaction: Transaction) => Promise<T>;

/** What one attempt came to: the caller's own exception is no failure of the database. */
type TransactionOutcome<T> = { readonly value: T } | { readonly thrown: unknown };

/** What `fn` made of an error of the transaction's own, and threw in its place. */
const wrappers = new WeakMap<IntegrationError, unknown>();

/** A transaction under the client's policies: run again as a whole where nothing of it can remain. */
export async function runTransaction<T>(
  context: ClientContext,
  bulk: BulkInserter,
  options: TransactionOptions,
  fn: Work<T>,
  operation: "transaction" | "batch" = "transaction",
): Promise<T> {
  const readOnly = options.readOnly === true;
  const spec = context.spec(operation, options, {
    idempotent: readOnly,
    write: !readOnly,
    ...(options.retry === false && { maxAttempts: 1 }),
  });
  const outcome = await context
    .runTransaction(spec, (own) => attempt(context, bulk, fn, options, own))
    .catch((thrown: unknown) => {
      throw wrappers.get(thrown as IntegrationError) ?? thrown;
    });
  if ("thrown" in outcome) throw outcome.thrown;
  return outcome.value;
}

/** One attempt at a transaction: BEGIN, `fn`, COMMIT, on one connection that comes back clean or not at all. */
async function attempt<T>(
  context: ClientContext,
  bulk: BulkInserter,
  fn: Work<T>,
  options: TransactionOptions,
  own: AttemptContext,
): Promise<TransactionOutcome<T>> {
  const { signal } = own;
  const lease = await context.pools.connect(signal);
  // Whatever `fn` does about it: once the call is over, its connection is.
  const cut = () => lease.discard();
  signal.addEventListener("abort", cut, { once: true });
  const session = new Session(lease, own, context, bulk);
  try {
    await session.control(beginStatement(context, options));
    let value: T;
    try {
      value = await raceSignal(
        (async () => fn(session.handle()))(), // a function that is not async throws and returns like one that is
        signal,
      );
    } catch (thrown) {
      await session.rollback();
      if (signal.aborted) throw signal.reason;
      const cause = session.causeOf(thrown);
      // Whether it runs again is a matter of what went wrong in the database, not of what a tool made of it.
      if (cause === undefined || (cause !== thrown && cause.verdict !== "retryable")) return { thrown };
      if (cause !== thrown) wrappers.set(cause, thrown);
      throw cause;
    }
    await session.commit(options.readOnly === true);
    return { value };
  } finally {
    session.over = true;
    session.forgetReads();
    signal.removeEventListener("abort", cut);
    lease.release();
  }
}

/** Statements, all or none of them, within an attempt that is under way. */
export async function attemptStatements(
  context: ClientContext,
  bulk: BulkInserter,
  statements: readonly Statement[],
  own: AttemptContext,
): Promise<readonly DriverResult[]> {
  const outcome = await attempt(
    context,
    bulk,
    async (transaction) => {
      const results: DriverResult[] = [];
      for (const { text, params } of statements)
        results.push(toResult(await transaction.query(text, params, { maxRows: Infinity })));
      return results;
    },
    {},
    own,
  );
  if ("thrown" in outcome) throw outcome.thrown;
  return outcome.value;
}
