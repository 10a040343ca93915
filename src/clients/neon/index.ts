export { NeonClient } from "./neon-client.ts";
export {
  type BatchOptions,
  type BatchStatement,
  type CallOptions,
  type IsolationLevel,
  type NeonClientOptions,
  neonDefaults,
  type QueryCacheOptions,
  type QueryCacheRule,
  type QueryFunction,
  type QueryOptions,
  type StreamFunction,
  type StreamOptions,
  type TransactionOptions,
} from "./neon-options.ts";
export { type Transaction } from "./transaction-types.ts";
export { type TransactionPool } from "./transaction-pool.ts";
export { type BulkInsert, type BulkInsertOptions, type BulkRow } from "./bulk/bulk-options.ts";
export { type UserClaims } from "./user-claims.ts";
export { type ListenOptions, type Subscription } from "./listener.ts";
export { type Field, type Row, type Rows } from "./rows.ts";
export { neonFetch } from "./http-exchange.ts";
export { identifier, sql, SqlFragment } from "./sql.ts";
export { migrate, type MigrateOptions, type MigrateResult, type SqlSession } from "./migrate.ts";
export { type ConnectionTarget, parseConnectionString } from "./connection-string.ts";
export * from "./management/index.ts";
export * from "./data-api/index.ts";
