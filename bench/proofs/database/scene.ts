import pg from "pg";
import { ConnectionPoolManager, NeonClient, type NeonClientOptions } from "enhanced-integration";
import { type LocalPostgres, startLocalPostgres } from "enhanced-integration/local";
import { seededRandom } from "enhanced-integration/testing";
import { ChildServer } from "../../support/child-server.ts";
import { type Figure } from "../../support/report.ts";
import { Calls } from "./calls.ts";
import { FaultyLine } from "./faulty-line.ts";
import { type Reader } from "./workload.ts";

/** Every part draws its faults from here, so each can be run alone and again. */
export const SEED = 20_261_123;

const APPLICATION = "proof";

/** How statements travel: the last two to the local Neon, which stands before the server. */
export type Way = "tcp" | "websocket" | "http";

/** One part's server, the line to it, and the client that has to live with both. */
export interface Scene {
  readonly postgres: LocalPostgres;
  readonly line: FaultyLine;
  /** How many callers there are: fewer where the local Neon's process has its share of the machine. */
  readonly clients: number;
  readonly calls: Calls;
  readonly random: { next(): number };
  readonly client: (options?: NeonClientOptions) => NeonClient;
  /** A client whose reads go the scene's way: over WebSockets that is a transaction. */
  readonly reader: (options?: NeonClientOptions) => Reader;
  /** The pools of all clients so far. */
  readonly pools: readonly ConnectionPoolManager[];
  /** One statement over a connection of its own that no fault can reach. */
  readonly admin: <R extends object>(text: string, params?: unknown[]) => Promise<R[]>;
}

/** Runs one part and adds what holds for every part: nothing late, nothing left over. */
export async function withScene(way: Way, part: (scene: Scene) => Promise<Figure[]>): Promise<Figure[]> {
  await using postgres = await startLocalPostgres();
  await using neon = way === "tcp" ? undefined : await localNeon(postgres);
  const to = neon && new URL(neon.address);
  const line = await FaultyLine.open(to ? { host: to.hostname, port: Number(to.port) } : { path: postgres.socketPath });
  const url = to ?? new URL("postgresql://postgres:unused@127.0.0.1/postgres");
  url.port = String(line.port);
  const connectionString = url.toString();
  const pools: ConnectionPoolManager[] = [];
  const clients: NeonClient[] = [];
  const calls = new Calls();
  const outside = new pg.Pool({ connectionString: postgres.connectionString, max: 1 });
  outside.on("error", () => undefined); // of a restart
  const ask = (text: string, params?: unknown[]) => outside.query(text, params) as Promise<pg.QueryResult | undefined>;
  // Once more after a restart, of which an idle connection learns only when it is used.
  const admin = async <R extends object>(text: string, params?: unknown[]) =>
    ((await ask(text, params).catch(() => ask(text, params)))?.rows ?? []) as R[];
  const client = (options: NeonClientOptions = {}) => {
    const pool = new ConnectionPoolManager({
      connectionString,
      transport: way,
      applicationName: APPLICATION,
      connectionTimeoutMs: 2_000,
      ...options,
    });
    const made = new NeonClient({ ...options, pools: pool });
    pools.push(pool);
    clients.push(made);
    return made;
  };
  const reader = (options?: NeonClientOptions) =>
    way === "websocket" ? inTransactions(client(options)) : client(options);
  try {
    const figures = await part({
      ...{ postgres, line, calls, clients: way === "tcp" ? 10 : 4 },
      random: seededRandom(SEED),
      client,
      reader,
      pools,
      admin,
    });
    const lent = pools.reduce((sum, pool) => sum + pool.stats().lent + pool.stats().waiting, 0);
    await Promise.all([...clients, ...pools].map((each) => each.close({ timeoutMs: 2_000 })));
    return [...figures, ...calls.figures(), ...(await leftovers(admin, line, lent))];
  } finally {
    await Promise.all([...clients, ...pools].map((each) => each.close({ timeoutMs: 100 })));
    await outside.end();
    await line.close();
  }
}

const localNeon = (postgres: LocalPostgres) =>
  ChildServer.start(new URL("local-neon.ts", import.meta.url), postgres.connectionString);

/** Single statements would go over HTTP. */
function inTransactions(client: NeonClient): Reader {
  return {
    query: (text, params, { deadlineMs }) =>
      client.transaction((tx) => tx.query<never>(text, [...params]), { readOnly: true, deadlineMs }),
  };
}

/** A moment is given: a request to cancel that fell silent ends after five seconds, and so do HTTP's idle connections. */
async function leftovers(admin: Scene["admin"], line: FaultyLine, lent: number): Promise<Figure[]> {
  const count = async () =>
    (
      await admin<{ n: number }>(
        "select count(*)::int as n from pg_stat_activity where application_name = $1 and state <> 'active'",
        [APPLICATION],
      )
    )[0]!.n;
  let backends = await count();
  for (const end = performance.now() + 6_000; backends + line.size > 0 && performance.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    backends = await count();
  }
  return [
    { name: "  connections lent or waited for when all calls were settled", value: lent, unit: "", atMost: 0 },
    { name: "  connections left after close: sockets", value: line.size, unit: "", atMost: 0 },
    { name: "  connections left after close: idle backends", value: backends, unit: "", atMost: 0 },
  ];
}
