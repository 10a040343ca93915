import type pg from "pg";
import { invalid } from "./neon-options.ts";
import { controlOf } from "./transaction-control.ts";

/** What Kysely's `PostgresDialect` and Drizzle's `node-postgres` driver use of a pg pool. */
export type TransactionPool = pg.Pool;

type Config = string | (pg.QueryConfig & { readonly rowMode?: "array" });

/** Runs one statement on the transaction's connection, in its turn. */
export type RunRaw = (config: pg.QueryConfig) => Promise<pg.QueryResult>;

/**
 * A pool of one connection that is in a transaction already. BEGIN, COMMIT and ROLLBACK of the tool above become
 * savepoints: passed on as they are, they would end the transaction, and with it the user that it stands for.
 */
export function transactionPool(run: RunRaw): TransactionPool {
  const open: string[] = [];
  let made = 0;

  const rewritten = (text: string): string => {
    const control = controlOf(text);
    if (control === undefined) return text;
    if (control === "other")
      throw invalid("inside a transaction only plain BEGIN, COMMIT and ROLLBACK are possible: they become savepoints");
    if (control === "begin") {
      const name = `tool_${(made += 1)}`;
      open.push(name);
      return `savepoint ${name}`;
    }
    const name = open.pop();
    if (name === undefined)
      throw invalid(`${control} without a begin: the transaction ends when the function given to it does`);
    return control === "commit" ? `release savepoint ${name}` : `rollback to savepoint ${name}`;
  };

  const query = async (config: Config, values?: readonly unknown[]): Promise<pg.QueryResult> => {
    if (typeof (config as { submit?: unknown }).submit === "function")
      throw invalid("cursors of other tools do not run inside a transaction here: use its stream()");
    const given = typeof config === "string" ? { text: config } : config;
    const params = values ?? given.values;
    return run({ ...given, text: rewritten(given.text), ...(params && { values: [...(params as unknown[])] }) });
  };
  const client = { query, release: () => undefined, on: () => client, off: () => client };
  const pool = {
    ...client,
    connect: async () => client,
    end: async () => undefined,
    on: () => pool,
    totalCount: 1,
    idleCount: 0,
    waitingCount: 0,
  };
  return pool as unknown as TransactionPool;
}
