import { type AttemptContext } from "../../core/index.ts";
import { beginStatement } from "./begin-statement.ts";
import { type ClientContext } from "./client-context.ts";
import { toNeonError } from "./errors.ts";
import { invalid, readStreamArguments, type StreamOptions, streamDefaults } from "./neon-options.ts";
import { type DriverResult } from "./rows.ts";
import { type Statement, type StatementSource, toStatement } from "./sql.ts";

/**
 * Declares a cursor and fetches from it until it is empty; closing it is the caller's. SQL alone, so that it works over
 * every transport and behind a pooler, inside one transaction.
 */
export async function* cursorSteps(
  name: string,
  { text, params }: Statement,
  { batchRows = streamDefaults.batchRows }: StreamOptions,
  run: (statement: Statement) => Promise<DriverResult>,
): AsyncGenerator<DriverResult, void, undefined> {
  if (!Number.isInteger(batchRows) || batchRows < 1 || batchRows > 100_000)
    throw invalid(`batchRows must be a whole number from 1 to 100000, got ${String(batchRows)}`);
  await run({ text: `declare ${name} no scroll cursor for ${text}`, params });
  const fetch = { text: `fetch forward ${batchRows} from ${name}`, params: [] };
  for (;;) {
    const result = await run(fetch);
    if (result.rows.length > 0) yield result;
    if (result.rows.length < batchRows) return;
  }
}

/** The rows of a large result under the client's policies: retried only while none was delivered. */
export async function* runStream(
  context: ClientContext,
  source: StatementSource,
  rest: readonly unknown[],
): AsyncGenerator<object, void, undefined> {
  const [values, options] = readStreamArguments(source, rest);
  const statement = toStatement(source, values);
  const { idleTimeoutMs } = options;
  const spec = context.spec("stream", options, {
    idempotent: true,
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
  });
  // A batch at a time through the policies: a row at a time would cost each of them a promise.
  for await (const batch of context.runner.stream(spec, (own) => streamBatches(context, statement, options, own)))
    yield* batch;
}

/** A large result in batches, each as it was fetched, by a cursor in a read-only transaction of its own. */
async function* streamBatches(
  context: ClientContext,
  statement: Statement,
  options: StreamOptions,
  own: AttemptContext,
): AsyncGenerator<readonly object[], void, undefined> {
  const { pools, clock } = context;
  const { signal } = own;
  const lease = await pools.connect(signal);
  const sent = async (answer: Promise<DriverResult>, params: readonly unknown[] = []): Promise<DriverResult> => {
    try {
      return await answer;
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      throw toNeonError(thrown, { operation: "stream", phase: "query", repeatable: true, rolledBack: true, params });
    }
  };
  const startedAt = clock.now();
  let rows = 0;
  try {
    await sent(lease.query({ text: beginStatement(context, { readOnly: true }) }, signal));
    for await (const result of cursorSteps("streamed", statement, options, (each) =>
      sent(lease.single(each, signal), each.params),
    )) {
      rows += result.rows.length;
      yield result.rows as object[];
    }
    context.told({ ...statement, rows, startedAt, name: options.name, by: own }, pools.transport);
  } catch (thrown) {
    context.failed({ ...statement, startedAt, name: options.name, by: own }, pools.transport, thrown);
    throw thrown;
  } finally {
    // Whoever leaves the loop has fired the signal: the way back to the pool must not hang on it. It changed nothing,
    // so to roll back is to end the cursor.
    if (lease.usable) await lease.query({ text: "rollback" }).catch(() => lease.discard());
    lease.release();
  }
}
