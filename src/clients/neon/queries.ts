import { type AttemptContext, type CallMeta, type CallSpec, type IntegrationError } from "../../core/index.ts";
import { checkIsolationLevel } from "./begin-statement.ts";
import { type BulkInserter } from "./bulk/bulk-insert.ts";
import { type ClientContext } from "./client-context.ts";
import { type BatchOptions, type BatchStatement, checkMaxRows, invalid, readQueryArguments } from "./neon-options.ts";
import { refuseReplicaWrite } from "./replica-routing.ts";
import { type DriverResult, type Row, type Rows, toRows } from "./rows.ts";
import { SqlFragment, type Statement, type StatementSource, toStatement } from "./sql.ts";
import { statementFacts } from "./statement-facts.ts";
import { runTransaction } from "./transaction.ts";

/** One statement under the client's policies. */
export function runQuery(context: ClientContext, source: StatementSource, rest: readonly unknown[]): Promise<Rows> {
  try {
    return startQuery(context, source, rest);
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

/** Plain calls down to the connection: this is the path of every statement, and each promise and object counts. */
function startQuery(context: ClientContext, source: StatementSource, rest: readonly unknown[]): Promise<Rows> {
  const [values, options] = readQueryArguments(source, rest);
  const statement = toStatement(source, values);
  const { plainRead, writes, label } = statementFacts(statement.text);
  const idempotent = options.idempotent ?? plainRead;
  // Of a function whose name we do not know only the caller can say that it changes nothing.
  const write = idempotent ? writes : !plainRead;
  const { hedge, cache: wanted, name = label, maxRows = context.maxRows } = options;
  if ((hedge || wanted) && (write || !idempotent)) throw onlyForReads(hedge ? "hedge" : "cache");
  const cache = wanted ? context.cache.rule(statement, wanted) : undefined;
  const policy: { -readonly [K in keyof CallSpec]?: CallSpec[K] } = { idempotent, write };
  if (hedge !== undefined) policy.hedge = hedge === true ? {} : hedge;
  if (cache) policy.cache = cache;
  const isRead = idempotent && !write;
  refuseReplicaWrite(options, isRead);
  // What a replica says may be older than our last write, and the cache would keep it.
  const replica = !cache && context.replica?.takes(options, isRead) ? context.replica : undefined;
  // It goes on answering while the primary's circuit is open.
  if (replica) policy.part = "replica";
  const spec = context.spec("query", options, policy);
  const { executor, runner, clock } = context;
  const attempt = (own: AttemptContext) => {
    const startedAt = clock.now();
    const answer = replica
      ? replica.execute(statement, own, executor, startedAt)
      : executor.execute(statement, own, idempotent, startedAt);
    const { text, params } = statement;
    return (plainRead ? answer : judged(context, answer)).then(
      (result) => {
        context.told({ text, params, rows: result.rows.length, startedAt, name, by: own }, executor.transport);
        return result;
      },
      (thrown: unknown) => {
        context.failed({ text, params, startedAt, name, by: own }, executor.transport, thrown);
        throw thrown;
      },
    );
  };
  if (cache && runner.runWithMeta) return runCached(runner.runWithMeta(spec, attempt), maxRows);
  const rows = runner.run(spec, attempt).then((result) => toRows<Row>(result, maxRows, "query"));
  return write ? rows.finally(() => context.cache.wrote(statement.text)) : rows;
}

async function runCached(
  answer: Promise<{ readonly value: DriverResult; readonly meta: CallMeta }>,
  maxRows: number,
): Promise<Rows> {
  const { value, meta } = await answer;
  // The answer is everybody's, the rows are the caller's.
  const rows = value.rows.map((row) => ({ ...(row as object) }));
  return Object.defineProperty(toRows({ ...value, rows }, maxRows, "query"), "meta", { value: meta });
}

/** Several statements, all or nothing. */
export async function runBatch<R extends object = Row>(
  context: ClientContext,
  bulk: BulkInserter,
  statements: readonly BatchStatement[],
  options: BatchOptions,
): Promise<Rows<R>[]> {
  const compiled = statements.map(batchStatement);
  checkIsolationLevel(options.isolationLevel);
  if (options.maxRows !== undefined) checkMaxRows(options.maxRows);
  if (compiled.length === 0) return [];
  const { executor, runner, clock } = context;
  const maxRows = options.maxRows ?? context.maxRows;
  if (!executor.batch)
    return runTransaction(
      context,
      bulk,
      { ...options, retry: true },
      async (transaction) => {
        const results: Rows<R>[] = [];
        for (const { text, params } of compiled) results.push(await transaction.query<R>(text, params, { maxRows }));
        return results;
      },
      "batch",
    );
  const plainReads = compiled.every(({ text }) => statementFacts(text).plainRead);
  const idempotent = options.idempotent ?? plainReads;
  const write = options.readOnly !== true && !plainReads;
  try {
    return await runner.run(context.spec("batch", options, { idempotent, write }), async (own) => {
      const startedAt = clock.now();
      const results = await executor.batch!(compiled, own.signal, idempotent, options).catch((thrown: unknown) => {
        context.failed({ text: "batch", params: [], startedAt, name: "batch", by: own }, executor.transport, thrown);
        throw thrown;
      });
      return results.map((result, index) => {
        context.told({ ...compiled[index]!, rows: result.rows.length, startedAt, by: own }, executor.transport);
        return toRows<R>(result, maxRows, "batch");
      });
    });
  } finally {
    if (write) for (const { text } of compiled) context.cache.wrote(text);
  }
}

function batchStatement(each: BatchStatement, index: number): Statement {
  if (each instanceof SqlFragment) return each.compile();
  const { text, params = [] } = (each ?? {}) as Partial<Statement>;
  if (typeof text !== "string" || !Array.isArray(params))
    throw invalid(`batch: statement ${index} must be a fragment made by sql\`…\`, or { text, params }`);
  return { text, params };
}

function onlyForReads(option: string): IntegrationError {
  return invalid(
    `${option} is for reads: this statement may change something, or calls a function that we do not know (then say idempotent: true if it changes nothing)`,
  );
}

/** Lets the pool learn from a statement that may write whether the database takes writes. */
async function judged({ pools }: ClientContext, answer: Promise<DriverResult>): Promise<DriverResult> {
  try {
    const result = await answer;
    if (pools.mode === "read-only" && (result.rowCount ?? 0) > 0) pools.observe("write-accepted");
    return result;
  } catch (thrown) {
    const { code, message } = thrown as { code?: unknown; message?: string };
    if (code === "READ_ONLY") pools.observe("write-refused", message);
    throw thrown;
  }
}
