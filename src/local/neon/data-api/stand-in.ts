import pg from "pg";
import { type Run, SCHEMA } from "./catalog.ts";
import { PgrstFault, renderFault, unsupported } from "./pgrst-fault.ts";
import { callRoutine } from "./routines.ts";
import { readTable, type TableRequest, writeTable } from "./tables.ts";

export interface DataApiStandInOptions {
  /** Of the local database; its user must be a member of the roles that tokens name. */
  readonly connectionString: string;
  /** Judges a bearer token. @returns its claims; throws for one that proves nothing */
  readonly verify: (token: string) => Promise<Readonly<Record<string, unknown>>>;
}

/** Where the database lets one transaction run at a time, more connections would only wait. */
const CONNECTIONS = 4;

/**
 * Neon's Data API over the local database: tables, views and functions of the schema `public`, as the user and the role
 * of the bearer token. It serves what the vendor's client usually asks: select, filters, order, pages, counts, insert,
 * upsert, update, delete, rpc. What it does not know (embedded tables, aggregates, CSV) it refuses by name.
 *
 * @see https://docs.postgrest.org/en/stable/references/api.html
 */
export class DataApiStandIn {
  readonly #verify: DataApiStandInOptions["verify"];
  readonly #pool: pg.Pool;

  constructor({ connectionString, verify }: DataApiStandInOptions) {
    this.#verify = verify;
    this.#pool = new pg.Pool({ connectionString, max: CONNECTIONS, allowExitOnIdle: true });
    this.#pool.on("error", () => undefined);
  }

  /** @param path what follows `/rest/v1` */
  async handle(request: Request, path: string): Promise<Response> {
    let role = "anon";
    try {
      const claims = await this.#claims(request);
      role = typeof claims["role"] === "string" ? claims["role"] : "anon";
      return await this.#serve(request, path, role, claims);
    } catch (thrown) {
      return renderFault(thrown, role === "anon" || role === "anonymous");
    }
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  /** @throws PgrstFault PGRST302 without a token, PGRST303 for one that has expired, PGRST301 for a bad one */
  async #claims(request: Request): Promise<Readonly<Record<string, unknown>>> {
    const token = /^Bearer\s+(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (token === undefined) throw new PgrstFault(401, "PGRST302", "Anonymous access is disabled");
    try {
      return await this.#verify(token);
    } catch (error) {
      if ((error as { code?: unknown }).code === "ERR_JWT_EXPIRED")
        throw new PgrstFault(401, "PGRST303", "JWT expired");
      throw new PgrstFault(401, "PGRST301", "No suitable key or wrong key type");
    }
  }

  async #serve(request: Request, path: string, role: string, claims: object): Promise<Response> {
    const profile = request.headers.get("accept-profile") ?? request.headers.get("content-profile") ?? SCHEMA;
    if (profile !== SCHEMA)
      throw new PgrstFault(406, "PGRST106", `Invalid schema: ${profile}`, {
        hint: `Only the following schemas are exposed: ${SCHEMA}`,
      });
    const [, rpc, encoded = ""] = /^\/(rpc\/)?([^/]+)\/?$/.exec(path) ?? [];
    if (encoded === "") throw new PgrstFault(404, "PGRST125", "Invalid path specified in request URL");
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (!isRead && !["POST", "PATCH", "DELETE"].includes(request.method))
      throw unsupported(`the method ${request.method}`);
    const serve = rpc ? callRoutine : isRead ? readTable : writeTable;
    const common = { request, query: new URL(request.url).searchParams, name: decodeURIComponent(encoded) };
    return this.#transaction(isRead, { role, claims }, (runs) => serve({ ...common, ...runs }));
  }

  /** Everything a request does, or nothing: a fault rolls it back. */
  async #transaction(
    isRead: boolean,
    { role, claims }: { readonly role: string; readonly claims: object },
    work: (runs: Pick<TableRequest, "look" | "act">) => Promise<Response>,
  ): Promise<Response> {
    const client = await this.#pool.connect();
    const onError = () => undefined;
    client.on("error", onError);
    const run: Run = async <R extends object>(text: string, values: readonly unknown[] = []) =>
      (await client.query<R & pg.QueryResultRow>(text, [...values])).rows as R[];
    const act = async () => {
      await run("select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", [
        role,
        JSON.stringify(claims),
      ]);
      return run;
    };
    let broken = false;
    try {
      await run(isRead ? "begin read only" : "begin");
      const response = await work({ look: run, act });
      await run("commit");
      return response;
    } catch (thrown) {
      await run("rollback").catch(() => (broken = true));
      throw thrown;
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  }
}
