import { randomUUID } from "node:crypto";
import { type Credentials } from "./credentials.ts";
import { type DatabaseEngine, type EngineSession } from "./engine/engine.ts";
import { encodeParameter } from "./sql-params.ts";
import { type Field, failed, FrameReader, server, SqlFault } from "./wire/index.ts";

/** Neon's bound on a request and on an answer, bytes. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;

interface Query {
  readonly query: string;
  readonly params: readonly (string | null)[];
  readonly arrayMode: boolean;
}

interface QueryResult {
  readonly fields: readonly Field[];
  readonly rows: readonly unknown[];
  readonly command: string;
  readonly rowCount: number | null;
  readonly rowAsArray: boolean;
}

/** A refusal that is none of PostgreSQL's. */
class HttpFault extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const commonHeaders = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "POST",
  "access-control-allow-headers": "*",
  "access-control-max-age": "86400",
};

/**
 * Neon's `POST /sql`: one statement, or several in one transaction. Rows always hold PostgreSQL's own text, which the
 * driver asks for and parses by type.
 */
export class SqlOverHttp {
  readonly #engine: DatabaseEngine;
  readonly #credentials: Credentials;

  constructor(engine: DatabaseEngine, credentials: Credentials) {
    this.#engine = engine;
    this.#credentials = credentials;
  }

  async handle(request: Request): Promise<Response> {
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: commonHeaders });
    try {
      if (new URL(request.url).pathname !== "/sql" || request.method !== "POST")
        throw new HttpFault(404, "not found: the local Neon answers POST /sql");
      const refusal = this.#credentials.checkUrl(request.headers.get("neon-connection-string"));
      // Neon's proxy refuses before there is a PostgreSQL to give the error a code.
      if (refusal) throw new HttpFault(400, refusal.message);
      const body = await readBody(request);
      const text = JSON.stringify(await this.#withSession(request.signal, (session) => answer(session, request, body)));
      if (Buffer.byteLength(text) > MAX_BODY_BYTES)
        throw new HttpFault(507, `response is too large (max is ${MAX_BODY_BYTES} bytes)`);
      return respond(200, text);
    } catch (error) {
      return errorAnswer(error);
    }
  }

  async #withSession<T>(signal: AbortSignal, work: (session: EngineSession) => Promise<T>): Promise<T> {
    const session = await this.#engine.openForRequest();
    // A client that goes away takes its query with it, as on Neon.
    const onGone = () => session.cancel(failed("57014", "canceling statement due to user request"));
    signal.addEventListener("abort", onGone, { once: true });
    try {
      return await work(session);
    } finally {
      signal.removeEventListener("abort", onGone);
      await session.leave();
    }
  }
}

async function readBody(request: Request): Promise<Record<string, unknown>> {
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > MAX_BODY_BYTES)
    throw new HttpFault(413, `request is too large (max is ${MAX_BODY_BYTES} bytes)`);
  try {
    const body: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (typeof body === "object" && body !== null) return body as Record<string, unknown>;
  } catch {
    // answered below
  }
  throw new HttpFault(400, "could not parse the request body as JSON");
}

async function answer(session: EngineSession, { headers }: Request, body: Record<string, unknown>): Promise<unknown> {
  const arrayMode = headers.get("neon-array-mode") === "true";
  if (!Array.isArray(body["queries"])) return run(session, readQuery(body, arrayMode));
  const queries = (body["queries"] as unknown[]).map((each) => readQuery(each, arrayMode));
  await control(session, beginStatement(headers));
  const results: QueryResult[] = [];
  for (const query of queries) results.push(await run(session, query));
  await control(session, "COMMIT");
  return { results };
}

function readQuery(value: unknown, defaultArrayMode: boolean): Query {
  const { query, params = [], arrayMode = defaultArrayMode } = (value ?? {}) as Record<string, unknown>;
  if (typeof query !== "string" || !Array.isArray(params))
    throw new HttpFault(400, "a query must be an object with a string `query` and an array `params`");
  return { query, params: params.map(encodeParameter), arrayMode: arrayMode === true };
}

function beginStatement(headers: Headers): string {
  const levels: Record<string, string> = {
    ReadUncommitted: "READ UNCOMMITTED",
    ReadCommitted: "READ COMMITTED",
    RepeatableRead: "REPEATABLE READ",
    Serializable: "SERIALIZABLE",
  };
  const wanted = headers.get("neon-batch-isolation-level");
  const level = wanted === null ? undefined : levels[wanted];
  if (wanted !== null && level === undefined)
    throw new HttpFault(400, `invalid isolation level; one of ${Object.keys(levels).join(", ")}`);
  const isOn = (name: string) => headers.get(`neon-batch-${name}`) === "true";
  const modes = [
    level && `ISOLATION LEVEL ${level}`,
    isOn("read-only") && "READ ONLY",
    isOn("deferrable") && "DEFERRABLE",
  ];
  return ["BEGIN", ...modes.filter((mode) => typeof mode === "string")].join(" ");
}

const control = (session: EngineSession, query: string) => run(session, { query, params: [], arrayMode: true });

/** @throws SqlFault */
async function run(session: EngineSession, { query, params, arrayMode }: Query): Promise<QueryResult> {
  const reader = new FrameReader();
  let fields: Field[] = [];
  const rows: (string | null)[][] = [];
  let tag = "";
  let fault: SqlFault | undefined;
  await session.statement(query, params).run((bytes) => {
    reader.feed(bytes);
    for (let frame = reader.next(); frame; frame = reader.next()) {
      if (frame.kind === "T") fields = server.readRowDescription(frame.body);
      else if (frame.kind === "D") rows.push(server.readDataRow(frame.body));
      else if (frame.kind === "C") tag = frame.body.toString("latin1").slice(0, -1);
      else if (frame.kind === "E") fault ??= server.readErrorResponse(frame.body);
    }
  });
  if (fault) throw fault;
  const count = /\d+$/.exec(tag)?.[0];
  return {
    fields,
    rows: arrayMode ? rows : rows.map((row) => Object.fromEntries(row.map((value, at) => [fields[at]!.name, value]))),
    command: tag.split(" ")[0]!,
    rowCount: count === undefined ? null : Number(count),
    rowAsArray: arrayMode,
  };
}

function errorAnswer(error: unknown): Response {
  if (error instanceof HttpFault) return respond(error.status, JSON.stringify({ message: error.message, code: null }));
  if (!(error instanceof SqlFault))
    return respond(500, JSON.stringify({ message: "the local Neon's database has ended", code: null }));
  const { fields } = error;
  const names = ["detail", "hint", "position", "internalPosition", "internalQuery", "severity", "where"] as const;
  const places = ["table", "column", "schema", "dataType", "constraint", "file", "line", "routine"] as const;
  const rest = Object.fromEntries([...names, ...places].map((name) => [name, fields[name] ?? null]));
  // The session's own end is the server's doing, an SQL error the client's.
  return respond(error.isFatal ? 500 : 400, JSON.stringify({ message: fields.message, code: fields.code, ...rest }));
}

function respond(status: number, body: string): Response {
  const headers = { "content-type": "application/json", "neon-request-id": randomUUID(), ...commonHeaders };
  return new Response(body, { status, headers });
}
