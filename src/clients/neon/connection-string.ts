import { IntegrationError, revealSecret, Secret } from "../../core/index.ts";

/** A connection string, taken apart once; the driver never sees a malformed one, because it would print it whole. */
export interface ConnectionTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret;
  readonly database: string;
  /** The query's parameters, e.g. `options` or `application_name`. */
  readonly params: Readonly<Record<string, string>>;
  readonly ssl: false | { readonly rejectUnauthorized: boolean };
  /** A database of Neon's: speaks SQL over HTTP and over WebSockets. */
  readonly isNeon: boolean;
  /** Behind PgBouncer in transaction mode: no session state, no LISTEN, no startup parameters of our own. */
  readonly isPooler: boolean;
  readonly isLoopback: boolean;
}

const form = "expected postgresql://user:password@host:port/database";

/** @throws IntegrationError INVALID_INPUT that names what is wrong and never shows the string */
export function parseConnectionString(connectionString: string | Secret, name = "connectionString"): ConnectionTarget {
  const url = parseUrl(revealSecret(connectionString).trim());
  if (!url) throw refused(name, "is not a URL", form);
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:")
    throw refused(name, "has the wrong scheme", `${form}; the scheme is postgresql or postgres`);
  const params = Object.fromEntries(url.searchParams);
  const host = params["host"] ?? url.hostname.replace(/^\[|\]$/g, "");
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(decode);
  if (user === undefined || password === undefined || database === undefined)
    throw refused(
      name,
      "holds a broken percent escape",
      "encode special characters of the password with encodeURIComponent",
    );
  if (host === "") throw refused(name, "names no host", form);
  if (user === "") throw refused(name, "names no user", form);
  const isNeon = /\.neon\.(tech|build|com)$/i.test(host);
  return {
    host,
    port: url.port === "" ? 5432 : Number(url.port),
    user,
    password: new Secret(password),
    database: database === "" ? user : database,
    params,
    ssl: sslOf(params["sslmode"], isNeon, name),
    isNeon,
    isPooler: /^[^.]+-pooler\./i.test(host),
    isLoopback: /^(localhost|127(\.\d+){3}|::1)$/i.test(host),
  };
}

/** The same database without the pooler, for LISTEN and migrations. */
export function withoutPooler(target: ConnectionTarget): ConnectionTarget {
  return { ...target, host: target.host.replace(/-pooler\./i, "."), isPooler: false };
}

/** `host:port` as a URL writes it. */
export function authorityOf(target: ConnectionTarget): string {
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  return `${host}:${target.port}`;
}

/** The string for the HTTP driver, put together again from parts that are known to be sound. */
export function connectionStringOf(target: ConnectionTarget, applicationName: string): Secret {
  const login = `${encodeURIComponent(target.user)}:${encodeURIComponent(target.password.reveal())}`;
  const params = new URLSearchParams({ application_name: applicationName, ...target.params });
  const authority = target.isNeon ? target.host : authorityOf(target);
  return new Secret(`postgresql://${login}@${authority}/${encodeURIComponent(target.database)}?${params.toString()}`);
}

/** `require` also verifies the certificate: encryption to a stranger protects nothing. `no-verify` opts out. */
function sslOf(mode: string | undefined, isNeon: boolean, name: string): ConnectionTarget["ssl"] {
  switch (mode) {
    case undefined:
      return isNeon ? { rejectUnauthorized: true } : false;
    case "disable":
    case "allow":
    case "prefer":
      return false;
    case "no-verify":
      return { rejectUnauthorized: false };
    case "require":
    case "verify-ca":
    case "verify-full":
      return { rejectUnauthorized: true };
    default:
      throw refused(name, "has an unknown sslmode", "use disable, require, verify-full or no-verify");
  }
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined; // the error holds the whole string: it must not travel
  }
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function refused(name: string, problem: string, hint: string): IntegrationError {
  return new IntegrationError({
    code: "INVALID_INPUT",
    message: `${name} ${problem}; ${hint} (the value is not shown, it may hold a password)`,
    service: "neon",
  });
}
