import { Secret } from "../../core/index.ts";
import { accepted, type Kind, type Parsed, refused } from "./kind.ts";
import { REDACTED } from "./secret.ts";

/** A Postgres connection string, and what may be said about it aloud. */
export interface PostgresConnection {
  /** The whole connection string, password included. */
  readonly url: Secret;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Neon's own host: the serverless driver can reach it over HTTP and WebSocket. */
  readonly isNeonHost: boolean;
  /** A transaction-mode pooler (`…-pooler.…`): no LISTEN, no session state, no startup parameters. */
  readonly isPooler: boolean;
}

/** A Redis connection string, and what may be said about it aloud. */
export interface RedisConnection {
  /** The whole connection string, password included. */
  readonly url: Secret;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

const shapeHint =
  "write postgresql://user:password@host:5432/database; percent-encode special characters in the password";

export const postgresConnection: Kind<PostgresConnection> = {
  expects: "a connection string: postgresql://user:password@host/database",
  sensitive: true,
  parse(text) {
    const parsed = parseAuthority(text, /^postgres(ql)?:$/);
    if (!parsed || parsed.username === "") return refused("is not a Postgres connection string", shapeHint);
    const host = parsed.hostname.toLowerCase();
    const isNeonHost = /\.neon\.(tech|build)$/.test(host);
    if (isNeonHost && parsed.password === "") return refused("has no password, which Neon requires", shapeHint);
    return accepted({
      url: new Secret(text),
      host,
      port: Number(parsed.port || "5432"),
      database: decodeURIComponent(parsed.pathname.slice(1)),
      user: decodeURIComponent(parsed.username),
      isNeonHost,
      isPooler: /^[^.]+-pooler(\.|$)/.test(host),
    });
  },
  show: ({ user, host, port, database }) => `${REDACTED} (${user} at ${host}:${port}/${database})`,
};

/** The same server and login, another database. */
export function withDatabase(connection: PostgresConnection, database: string): PostgresConnection {
  const target = new URL(connection.url.reveal());
  target.pathname = `/${encodeURIComponent(database)}`;
  return { ...connection, url: new Secret(target.href), database };
}

export const redisConnection: Kind<RedisConnection> = {
  expects: "a connection string: redis://host:6379 or rediss://user:password@host:6380",
  sensitive: true,
  parse(text): Parsed<RedisConnection> {
    const parsed = parseAuthority(text, /^rediss?:$/);
    if (!parsed) return refused("is not a Redis connection string", "write redis:// or rediss://, host and port");
    const tls = parsed.protocol === "rediss:";
    return accepted({ url: new Secret(text), host: parsed.hostname, port: Number(parsed.port || "6379"), tls });
  },
  show: ({ host, port }) => `${REDACTED} (${host}:${port})`,
};

/**
 * Parses without ever letting the text out: `new URL` repeats its input in its error, so the error is dropped. An
 * unescaped `/`, `?`, `#` in a password shifts it into the host or the path; an `@` further right gives that away.
 */
function parseAuthority(text: string, protocol: RegExp): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const parsed = new URL(text);
  const afterHost = parsed.pathname + parsed.search + parsed.hash;
  const isPlain =
    protocol.test(parsed.protocol) &&
    /^([a-z0-9._-]+|\[[0-9a-f:.]+\])$/i.test(parsed.hostname) &&
    !afterHost.includes("@") &&
    parsed.hash === "" &&
    /^\/?[^/]*$/.test(parsed.pathname) &&
    [parsed.username, parsed.password, parsed.pathname].every(decodes);
  return isPlain ? parsed : undefined;
}

function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
