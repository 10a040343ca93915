import { createIntegration, type Integration, type IntegrationOverrides } from "enhanced-integration";
import { wideOpenEnvironment } from "../support/environment.ts";

/** Small on both sides, so that what is around it shows. */
export const ONE_ROW = { text: "select $1::int as id, $2::text as name", values: [1, "house"] };

/** As a host would make it, with metrics, limits and the record of calls switched on. */
export function integrationOver(
  connectionString: string,
  transport: "tcp" | "websocket",
  overrides: IntegrationOverrides = {},
): Integration {
  const environment = {
    ...wideOpenEnvironment,
    NEON_CONNECTION_STRING: connectionString,
    NEON_TRANSPORT: transport,
    NEON_POOL_SIZE: "20",
    NEON_MAX_CONNECTIONS: "90",
  };
  return createIntegration(environment, overrides);
}
