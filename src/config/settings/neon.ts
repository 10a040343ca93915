import {
  accepted,
  durationMs,
  apiKey,
  integer,
  isLoopback,
  jsonWebToken,
  oneOf,
  postgresConnection,
  refused,
  text,
  url,
} from "../kinds/index.ts";
import { setting } from "../setting.ts";

const dataApiUrl = url({
  protocols: ["https", "http"],
  inspect: ({ hostname, pathname }) =>
    isLoopback(hostname) || (/\.apirest\./.test(hostname) && /\/rest\/v1\/*$/.test(pathname))
      ? accepted(undefined)
      : refused(
          "is not a Data API endpoint",
          "copy it from the project's Data API page: https://<endpoint>.apirest.<region>.aws.neon.tech/<database>/rest/v1",
        ),
});

export const neonSettings = {
  connection: setting("NEON_CONNECTION_STRING", postgresConnection, {
    description: "The database; every query goes there. Required unless ENABLE_PERSISTENT_STORAGE=false.",
  }),
  directConnection: setting("NEON_DIRECT_CONNECTION_STRING", postgresConnection, {
    description: "The same database without the pooler, for LISTEN, migrations and advisory locks.",
  }),
  replicaConnection: setting("NEON_REPLICA_CONNECTION_STRING", postgresConnection, {
    description: "A read replica of the same database: plain reads that say `replica: true` go there.",
  }),
  database: setting("NEON_DATABASE", text("a database name of 1 to 63 characters", /^[^\0/?#@]{1,63}$/), {
    description: "Replaces the database name in both connection strings.",
  }),
  transport: setting("NEON_TRANSPORT", oneOf(["auto", "websocket", "http", "tcp"]), {
    default: "auto",
    description: "How queries travel; auto uses WebSocket and HTTP for Neon hosts and TCP for any other.",
  }),
  poolSize: setting("NEON_POOL_SIZE", integer({ min: 1, max: 10_000 }), {
    default: "20",
    description: "Connections in the main pool of this process.",
  }),
  maxConnections: setting("NEON_MAX_CONNECTIONS", integer({ min: 1, max: 10_000 }), {
    default: "100",
    description: "Ceiling over all pools of this process; NEON_POOL_SIZE must fit below it.",
  }),
  idleTimeoutMs: setting("NEON_IDLE_TIMEOUT", durationMs({ min: "1s", max: "1d" }), {
    default: "30s",
    description: "Idle time after which the pool closes a connection.",
  }),
  connectionTimeoutMs: setting("NEON_CONNECTION_TIMEOUT", durationMs({ min: "100ms", max: "10m" }), {
    default: "10s",
    description: "Longest wait for a connection, the wake-up of a sleeping compute included.",
  }),
  projectId: setting("NEON_PROJECT_ID", text("a project id such as quiet-river-12345678", /^[a-z0-9-]{1,60}$/i), {
    description: "Project that neon.admin works on.",
  }),
  apiKey: setting("NEON_API_KEY", apiKey(), {
    description: "Key of Neon's management API (branches, restore, backups); one of the project alone is enough.",
  }),
  apiUrl: setting("NEON_API_URL", url({ protocols: ["https", "http"] }), {
    description: "Another address of Neon's management API, e.g. the local stack's.",
  }),
  branch: setting("NEON_BRANCH", text("a branch name", /^[^\0]{1,256}$/), {
    default: "main",
    description: "Branch, by name or id, that neon.admin means where a call names none.",
  }),
  dataApiUrl: setting("NEON_DATA_API_URL", dataApiUrl, {
    description: "Endpoint of Neon's REST Data API, for neon.dataApi().",
  }),
  dataApiToken: setting("NEON_DATA_API_KEY", jsonWebToken, {
    description: "JWT for the Data API where a call brings no user token.",
  }),
};
