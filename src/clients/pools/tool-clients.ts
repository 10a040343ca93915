import type pg from "pg";
import { type Clock, type Redact } from "../../core/index.ts";
import { cleanFailure, withLastWords } from "./drivers.ts";
import { type SingleStatement } from "./lease.ts";

/** Told of what other tools run on the pool's connections. */
export interface StatementListener {
  finished(statement: SingleStatement, rows: number, startedAt: number): void;
  failed(statement: SingleStatement, thrown: unknown, startedAt: number): void;
}

export interface ToolClientsOptions {
  readonly clock: Clock;
  readonly redact: Redact | undefined;
}

type Callback = (error: unknown, result?: Result | readonly Result[]) => void;
type Result = Pick<pg.QueryResult, "rows">;
type Config = string | (pg.QueryConfig & { readonly callback?: Callback; readonly submit?: unknown });
type Query = (config: Config, values?: unknown, callback?: Callback) => Promise<Result | readonly Result[]> | undefined;

/** The connections of a pool as other tools get them, one for each: tools know it again. */
export class ToolClients {
  /** Told of what they run. */
  listener: StatementListener | undefined;
  readonly #options: ToolClientsOptions;
  readonly #made = new WeakMap<pg.PoolClient, pg.PoolClient>();

  constructor(options: ToolClientsOptions) {
    this.#options = options;
  }

  /** The same connection: what is run on it is told, and its errors hold no secret. */
  of(client: pg.PoolClient): pg.PoolClient {
    let made = this.#made.get(client);
    if (!made) {
      made = toolClient(client, { ...this.#options, listener: () => this.listener });
      this.#made.set(client, made);
    }
    return made;
  }
}

/** Our own statements do not come this way, and pay nothing for it. Query objects (cursors) are passed on as they are. */
function toolClient(
  client: pg.PoolClient,
  { clock, redact, listener }: ToolClientsOptions & { readonly listener: () => StatementListener | undefined },
): pg.PoolClient {
  const send = client.query.bind(client) as unknown as Query;
  const query: Query = (config, values, callback) => {
    if (typeof config !== "string" && typeof (config as { text?: unknown } | null)?.text !== "string")
      return send(config, values, callback);
    if (typeof config !== "string" && typeof config.submit === "function") return send(config, values, callback);
    const given = typeof config === "string" ? { text: config } : config;
    const params = Array.isArray(values) ? (values as unknown[]) : (given.values ?? []);
    const statement = { text: given.text, params };
    const startedAt = clock.now();
    const finished = (result: Result | readonly Result[] | undefined) =>
      listener()?.finished(statement, rowsOf(result), startedAt);
    const failed = (thrown: unknown): unknown => {
      const error = cleanFailure(withLastWords(client, thrown), { redact });
      listener()?.failed(statement, error, startedAt);
      return error;
    };
    const tell = typeof values === "function" ? (values as Callback) : (callback ?? given.callback);
    if (!tell)
      return send(config, values)!.then(
        (result) => (finished(result), result),
        (thrown: unknown) => {
          throw failed(thrown);
        },
      );
    return send(config, Array.isArray(values) ? values : undefined, (thrown, result) => {
      if (thrown) return tell(failed(thrown));
      finished(result);
      tell(undefined, result);
    });
  };
  return new Proxy(client, {
    get(target, name) {
      if (name === "query") return query;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? (member as () => unknown).bind(target) : member;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}

/** A text of several statements has several results. */
function rowsOf(result: Result | readonly Result[] | undefined): number {
  if (result === undefined) return 0;
  const results = "rows" in result ? [result] : result;
  return results.reduce((sum, { rows }) => sum + rows.length, 0);
}
