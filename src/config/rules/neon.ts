import { type PostgresConnection, withDatabase } from "../kinds/index.ts";
import { type Values } from "../setting.ts";
import { type neonSettings } from "../settings/neon.ts";
import { type RuleContext } from "./context.ts";
import { requireEncryption } from "./encryption.ts";

/** `database` is the effective name: NEON_DATABASE, or the one in the connection string. */
export type NeonConfig = Values<typeof neonSettings>;

/** `max_connections` of Neon's smallest compute, 104, less the seven that Neon keeps for itself. */
const SMALLEST_COMPUTE_CONNECTIONS = 97;

export function completeNeon(context: RuleContext): NeonConfig {
  const { neon } = context.values;
  checkPool(context);
  checkHosts(context);
  requireEncryption(context, "NEON_DATA_API_URL", neon.dataApiUrl);
  requireEncryption(context, "NEON_API_URL", neon.apiUrl);
  const connection = effective(neon.connection, "NEON_CONNECTION_STRING", context);
  const directConnection = effective(neon.directConnection, "NEON_DIRECT_CONNECTION_STRING", context);
  const replicaConnection = effective(neon.replicaConnection, "NEON_REPLICA_CONNECTION_STRING", context);
  return { ...neon, connection, directConnection, replicaConnection, database: neon.database ?? connection?.database };
}

function effective(
  connection: PostgresConnection | undefined,
  name: string,
  { values, report }: RuleContext,
): PostgresConnection | undefined {
  if (!connection) return undefined;
  if (values.neon.database !== undefined) return withDatabase(connection, values.neon.database);
  if (connection.database === "") report.refuse(name, "names no database", "append /<database>, or set NEON_DATABASE");
  return connection;
}

function checkPool({ values: { neon }, report, isSet }: RuleContext): void {
  const { poolSize, maxConnections, connection } = neon;
  if (poolSize > maxConnections)
    report.refuse(
      "NEON_POOL_SIZE",
      `is ${poolSize}, above NEON_MAX_CONNECTIONS (${maxConnections})`,
      "lower NEON_POOL_SIZE or raise NEON_MAX_CONNECTIONS",
    );
  // The default is the plan's and no claim of the host's about its compute.
  const exceeds = isSet("NEON_MAX_CONNECTIONS") && maxConnections > SMALLEST_COMPUTE_CONNECTIONS;
  if (exceeds && connection && !connection.isPooler)
    report.warn(
      "NEON_MAX_CONNECTIONS",
      `is above ${SMALLEST_COMPUTE_CONNECTIONS}, all that the smallest Neon compute and a default Postgres allow without a pooler; use the -pooler host or lower it`,
    );
}

function checkHosts({ values: { neon }, report }: RuleContext): void {
  const { connection, directConnection } = neon;
  if (connection?.isPooler && !directConnection)
    report.warn(
      "NEON_DIRECT_CONNECTION_STRING",
      "is not set, and NEON_CONNECTION_STRING names a pooler: LISTEN, migrations and advisory locks need the host without -pooler",
    );
  if (directConnection?.isPooler)
    report.refuse("NEON_DIRECT_CONNECTION_STRING", "names a pooler", "use the same host without -pooler");
}
