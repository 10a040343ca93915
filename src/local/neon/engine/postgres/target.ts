import { decodePercent, IntegrationError } from "../../../../core/index.ts";

/** A PostgreSQL server and who one is there. */
export interface PostgresTarget {
  /** A socket's file, or a host and port. */
  readonly at: { readonly path: string } | { readonly host: string; readonly port: number };
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** As libpq's `sslmode` has it: `require` encrypts, `verify-full` also checks who answers. */
  readonly tls: "disable" | "require" | "verify-full";
}

/**
 * Reads `postgresql://user:password@host:port/database?sslmode=...`; an encoded folder as its host names a Unix socket.
 * @throws IntegrationError INVALID_INPUT; the URL is never repeated
 */
export function targetOfUrl(text: string): PostgresTarget {
  if (!URL.canParse(text)) throw refuse("is no URL");
  const url = new URL(text);
  if (url.protocol !== "postgresql:" && url.protocol !== "postgres:") throw refuse(`begins with ${url.protocol}//`);
  const host = decodePercent(url.hostname) || "127.0.0.1";
  const port = Number(url.port || 5432);
  const user = decodePercent(url.username) || "postgres";
  const mode = url.searchParams.get("sslmode") ?? "disable";
  return {
    at: host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host: host.replace(/^\[|\]$/g, ""), port },
    user,
    password: decodePercent(url.password),
    database: decodePercent(url.pathname.slice(1)) || user,
    tls: mode === "require" ? "require" : mode.startsWith("verify-") ? "verify-full" : "disable",
  };
}

function refuse(what: string): IntegrationError {
  return new IntegrationError({
    code: "INVALID_INPUT",
    service: "neon",
    message: `postgresUrl ${what}; it must be postgresql://user:password@host:port/database`,
  });
}
