/** What a new Neon project starts with, under Neon's own names. Kept free of imports: PGlite's worker loads it too. */
export const DATABASE = "neondb";
export const LOGIN_ROLE = "neon";

/**
 * An owner who is no superuser but may create databases and roles, and the roles that row-level security is written
 * for. Setting one of those is the only way to come under its policies: the owner itself bypasses them, on Neon too.
 */
export const projectSql: readonly string[] = [
  `CREATE ROLE ${LOGIN_ROLE} LOGIN CREATEDB CREATEROLE BYPASSRLS`,
  "CREATE ROLE anon NOLOGIN NOINHERIT",
  "CREATE ROLE authenticated NOLOGIN NOINHERIT",
  "CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS",
  `GRANT anon, authenticated, service_role TO ${LOGIN_ROLE} WITH ADMIN TRUE, INHERIT FALSE, SET TRUE`,
  `GRANT pg_read_all_data, pg_write_all_data, pg_monitor, pg_signal_backend TO ${LOGIN_ROLE} WITH ADMIN TRUE`,
  `CREATE DATABASE ${DATABASE} OWNER ${LOGIN_ROLE}`,
  "CHECKPOINT",
];
