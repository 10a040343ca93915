import { type BulkInsert } from "./bulk/bulk-options.ts";
import { type QueryFunction, type StreamFunction } from "./neon-options.ts";
import { type TransactionPool } from "./transaction-pool.ts";

/** What the function given to `transaction` works with. Over when that function is. */
export interface Transaction {
  readonly query: QueryFunction;
  /** A large result in pieces, by a cursor of this transaction. */
  readonly stream: StreamFunction;
  /** Many rows into one table, all or none. */
  readonly bulkInsert: BulkInsert;
  /**
   * This transaction's connection in the shape of a pg pool, for Kysely and Drizzle: what they run sees what the
   * transaction sees, the user of `asUser` included, and their own transactions become savepoints of it.
   */
  readonly pool: TransactionPool;
  /** A savepoint: when `fn` rejects, only what it did is undone. Nested ones of one level run one after the other. */
  transaction<T>(fn: (transaction: Transaction) => Promise<T>): Promise<T>;
}
