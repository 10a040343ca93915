import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, existsSync, lstatSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";

/** A database of a test's own on a real PostgreSQL server. */
export interface TestDatabase {
  readonly connectionString: string;
  /** Over a connection of its own: to look from outside, or to kill backends. */
  admin<R extends object = Record<string, unknown>>(text: string, params?: unknown[]): Promise<R[]>;
  drop(): Promise<void>;
}

const DEFAULT_SERVER = "postgresql://postgres@127.0.0.1:5432/postgres";
const BINARIES = "/usr/lib/postgresql";

/**
 * Creates a database on the server of DATABASE_URL, else on 127.0.0.1:5432, else on one that is started for this file
 * from the installed binaries.
 */
export async function createDatabase(): Promise<TestDatabase> {
  const server = await findServer();
  const name = `ei_test_${randomBytes(6).toString("hex")}`;
  await run(server.url, `create database ${name}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const connectionString = url.toString();
  return {
    connectionString,
    admin: (text, params) => run(connectionString, text, params),
    async drop() {
      await run(server.url, `drop database if exists ${name} with (force)`);
      await server.stop();
    },
  };
}

interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

interface StartedServer extends Server {
  standby(): Promise<string>;
  kill(): Promise<void>;
  again(): Promise<StartedServer>;
}

async function findServer(): Promise<Server> {
  const configured = process.env["DATABASE_URL"];
  const tried: string[] = [];
  for (const url of configured ? [configured] : [DEFAULT_SERVER]) {
    try {
      await run(url, "select 1");
      return { url, stop: async () => undefined };
    } catch (error) {
      tried.push(`${new URL(url).host}: ${error instanceof Error ? error.message || error.name : String(error)}`);
    }
  }
  return startServer(tried.join("; "));
}

async function run<R extends object>(connectionString: string, text: string, params: unknown[] = []): Promise<R[]> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(text, params)).rows as R[];
  } finally {
    await client.end();
  }
}

/** A server of a test's own, to be stopped and started; nothing else uses it. */
export interface OwnServer {
  readonly connectionString: string;
  /** As a crash would: connections are cut, nobody is waited for. */
  crash(): Promise<void>;
  restart(): Promise<void>;
  /** A second server that follows this one by streaming replication; it goes with it. @returns its connection string */
  startStandby(): Promise<string>;
  /** Ends it and removes its files. */
  remove(): Promise<void>;
}

export async function startOwnServer(): Promise<OwnServer> {
  let server = await startServer("a test wants one of its own");
  return {
    connectionString: server.url,
    crash: () => server.kill(),
    async restart() {
      server = await server.again();
    },
    startStandby: () => server.standby(),
    remove: () => server.stop(),
  };
}

async function startServer(reason: string): Promise<StartedServer> {
  const version = existsSync(BINARIES) ? readdirSync(BINARIES).sort((a, b) => Number(b) - Number(a))[0] : undefined;
  if (version === undefined)
    throw new Error(
      `No PostgreSQL for the tests (${reason}), and none to start under ${BINARIES}. Set DATABASE_URL, or install postgresql.`,
    );
  const bin = (name: string) => join(BINARIES, version, "bin", name);
  const folder = mkdtempSync(join(tmpdir(), "ei-postgres-"));
  const owner = unprivilegedUser();
  if (owner) chownSync(folder, owner.uid, owner.gid);
  const port = await freePort();
  const data = join(folder, "data");
  freshData(data, bin("initdb"), version, owner);
  const urlAt = (at: number) => `postgresql://postgres@127.0.0.1:${at}/postgres`;
  const runAt = async (at: number, from: string) => {
    const server = spawn(bin("postgres"), ["-D", from, "-p", String(at), "-k", folder, "-c", "fsync=off"], {
      ...owner,
      stdio: "ignore",
    });
    await untilReady(urlAt(at), server);
    return async (signal: "SIGINT" | "SIGQUIT") => {
      if (server.exitCode !== null || server.signalCode !== null) return;
      const exited = new Promise((resolve) => server.once("exit", resolve));
      server.kill(signal);
      await exited;
    };
  };
  let endStandby: Awaited<ReturnType<typeof runAt>> | undefined;
  const standby = async () => {
    const [copy, at] = [join(folder, "standby"), await freePort()];
    const flags = ["-h", "127.0.0.1", "-p", String(port), "-U", "postgres", "-R", "-X", "stream", "-c", "fast"];
    const made = spawnSync(bin("pg_basebackup"), [...flags, "--no-sync", "-D", copy], { ...owner, timeout: 30_000 });
    if (made.status !== 0) throw new Error(`pg_basebackup failed: ${String(made.stderr)}`);
    endStandby = await runAt(at, copy);
    return urlAt(at);
  };
  const launch = async (): Promise<StartedServer> => {
    const end = await runAt(port, data);
    return {
      url: urlAt(port),
      standby,
      kill: () => end("SIGQUIT"),
      again: launch,
      async stop() {
        await endStandby?.("SIGINT");
        await end("SIGINT");
        rmSync(folder, { recursive: true, force: true });
      },
    };
  };
  return launch();
}

/** The data of a server that was never started. Making them takes a second and more: made once, and copied. */
function freshData(data: string, initdb: string, version: string, owner: UserIds | undefined): void {
  const uid = owner?.uid ?? process.getuid?.();
  const template = join(tmpdir(), `ei-postgres-${version}-${uid}`);
  const run = (command: string, args: readonly string[]) => {
    const { status, stderr } = spawnSync(command, args, { ...owner, cwd: tmpdir() });
    if (status !== 0) throw new Error(`${command} failed: ${String(stderr)}`);
  };
  if (existsSync(template) && lstatSync(template).uid === uid) return run("cp", ["-a", template, data]);
  run(initdb, ["-D", data, "-U", "postgres", "-A", "trust", "--no-sync"]);
  // Copied beside and renamed: whoever looks meanwhile finds all of it or nothing. Another may have been first.
  const draft = `${template}.${randomBytes(6).toString("hex")}`;
  run("cp", ["-a", data, draft]);
  try {
    renameSync(draft, template);
  } catch {
    rmSync(draft, { recursive: true, force: true });
  }
}

async function untilReady(url: string, server: ChildProcess): Promise<void> {
  for (let attempt = 0; server.exitCode === null && attempt < 100; attempt += 1) {
    const ready = await run(url, "select 1").catch(() => undefined);
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  server.kill("SIGKILL");
  throw new Error("the PostgreSQL started for the tests did not become ready");
}

interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/** postgres refuses to run as root. */
function unprivilegedUser(): UserIds | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout.trim());
  const [uid, gid] = [id("-u"), id("-g")];
  if (!uid || !gid) throw new Error("the tests run as root and need the system user postgres to start a server");
  return { uid, gid };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
