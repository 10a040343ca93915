import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Clock, IntegrationError, sleep } from "../../../../core/index.ts";
import { embeddedBinaries, type PostgresBinaries } from "./binaries.ts";
import { type PostgresTarget } from "./target.ts";
import { unprivilegedUser, type UserIds } from "./unprivileged-user.ts";
import { connectUpstream } from "./upstream.ts";

export interface PostgresServerOptions {
  /** Keeps the database here. @defaultValue a folder that goes with the server */
  readonly dataDir?: string | undefined;
  /** Settings of the server, e.g. `max_connections`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Also listens there on 127.0.0.1, and asks for the password, which a new folder of data remembers. @defaultValue its socket alone */
  readonly tcp?: { readonly port: number; readonly password: string } | undefined;
  readonly clock: Clock;
  /** How long a shutdown may take before the server is killed, milliseconds. */
  readonly closeTimeoutMs: number;
  /** The server ended and nobody had asked for it. */
  readonly onFailure: (error: Error) => void;
}

/** `fast` rolls back and flushes; `crash` is what a power cut does to it. */
export type StopMode = "fast" | "crash";

const START_TIMEOUT_MS = 60_000;
const POLL_MS = 10;
const SUPERUSER = "postgres";
/** The socket's name wants a number, the same as TCP's if it listens there; the folder is the server's own. */
const SOCKET_PORT = 5432;

/**
 * Ends the server when our process is gone, however it went: then the pipe on its input ends. `$1` is the server's
 * process, `$2` the folder of its socket, and of its data if they are not to be kept.
 */
const WATCHDOG = `cat >/dev/null; kill -INT "$1" 2>/dev/null; while kill -0 "$1" 2>/dev/null; do sleep 0.1; done; rm -rf "$2"`;

/**
 * A PostgreSQL server of our own. It listens on a Unix socket in a folder that nobody else can enter, so it needs neither
 * a port nor a password, and dies with the process that started it.
 */
export class PostgresServer {
  readonly isNew: boolean;
  /** One's place as its superuser. */
  readonly superuser: PostgresTarget;
  readonly #options: PostgresServerOptions;
  readonly #binaries: PostgresBinaries;
  readonly #owner: UserIds | undefined;
  /** Where its socket is. */
  readonly folder: string;
  readonly socketPath: string;
  readonly #dataDir: string;
  #process: ChildProcess | undefined;
  #watchdog: ChildProcess | undefined;
  #isStopping = false;

  private constructor(options: PostgresServerOptions, paths: DataPaths & { readonly isNew: boolean }) {
    this.#options = options;
    this.#binaries = paths.binaries;
    this.#owner = paths.owner;
    this.folder = paths.folder;
    this.#dataDir = paths.dataDir;
    this.isNew = paths.isNew;
    this.socketPath = join(paths.folder, `.s.PGSQL.${options.tcp?.port ?? SOCKET_PORT}`);
    const at = { path: this.socketPath };
    this.superuser = { at, user: SUPERUSER, password: "", database: "postgres", tls: "disable" };
  }

  /** @throws IntegrationError FEATURE_DISABLED without the package, INVALID_INPUT when the data will not open */
  static async start(options: PostgresServerOptions): Promise<PostgresServer> {
    const binaries = embeddedBinaries();
    const owner = unprivilegedUser();
    const folder = await mkdtemp(join(tmpdir(), "ei-pg-"));
    try {
      const dataDir = options.dataDir ?? join(folder, "data");
      const isNew = !(await exists(join(dataDir, "PG_VERSION")));
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      if (owner) for (const each of [folder, dataDir]) await chown(each, owner.uid, owner.gid);
      await chmod(dataDir, 0o700);
      const { tcp } = options;
      const isTemporary = options.dataDir === undefined;
      if (isNew) await initialise({ binaries, owner, folder, dataDir }, { isTemporary, password: tcp?.password });
      const server = new PostgresServer(options, { binaries, owner, folder, dataDir, isNew });
      await server.begin();
      return server;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error instanceof IntegrationError ? error : startError(error as Error, options.dataDir);
    }
  }

  get isAlive(): boolean {
    return this.#process !== undefined;
  }

  /** Its process; undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts a server that {@link stop} ended, over the same data and at the same place. Resolves when it answers. */
  async begin(): Promise<void> {
    const { clock, settings = {}, dataDir, tcp } = this.#options;
    await this.#untilFree();
    const all = {
      listen_addresses: tcp ? "127.0.0.1" : "",
      unix_socket_directories: this.folder,
      unix_socket_permissions: "0700",
      port: String(tcp?.port ?? SOCKET_PORT),
      timezone: "UTC",
      log_timezone: "UTC",
      ...(dataDir === undefined && { fsync: "off", full_page_writes: "off" }),
      ...settings,
    };
    const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    // A group of its own: Ctrl-C in a terminal is for our process, which then ends it in order.
    const child = spawn(this.#binaries.postgres, ["-D", this.#dataDir, ...flags], {
      ...this.#owner,
      cwd: this.#dataDir,
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let log = "";
    child.stderr.on("data", (chunk: Buffer) => (log = (log + String(chunk)).slice(-2_000)));
    const ended = new Promise<Error>((resolve) => {
      child.once("error", resolve);
      child.once("exit", (code, signal) => resolve(new Error(`it ended with ${signal ?? code}: ${log.trim()}`)));
    });
    this.#process = child;
    this.#isStopping = false;
    this.#watch(child);
    void ended.then((error) => this.#onEnd(child, error));
    const deadline = clock.now() + START_TIMEOUT_MS;
    for (;;) {
      const outcome = await Promise.race([this.#answers(), ended]);
      if (outcome === true) return;
      if (outcome instanceof Error) throw outcome;
      if (clock.now() > deadline) {
        child.kill("SIGKILL");
        throw new Error(`it did not answer within ${START_TIMEOUT_MS} ms: ${log.trim()}`);
      }
      await sleep(POLL_MS, clock);
    }
  }

  /** Ends the server; the data stay for {@link begin}. */
  async stop(mode: StopMode): Promise<void> {
    const child = this.#process;
    if (!child) return;
    this.#isStopping = true;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    const { clock, closeTimeoutMs } = this.#options;
    child.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    const timer = clock.setTimer(() => child.kill("SIGKILL"), closeTimeoutMs);
    await exited;
    timer.cancel();
  }

  async close(): Promise<void> {
    await this.stop("fast");
    await rm(this.folder, { recursive: true, force: true });
  }

  /** After a crash of our own process its watchdog may not be done yet. */
  async #untilFree(): Promise<void> {
    const { clock, closeTimeoutMs } = this.#options;
    for (const deadline = clock.now() + closeTimeoutMs; clock.now() < deadline; await sleep(POLL_MS, clock)) {
      const text = await readFile(join(this.#dataDir, "postmaster.pid"), "utf8").catch(() => "");
      const pid = Number(text.split("\n")[0]);
      if (!(pid > 0) || !isRunning(pid)) return;
    }
  }

  async #answers(): Promise<boolean> {
    try {
      const { socket } = await connectUpstream(this.superuser, new Map(), this.#options.clock);
      socket.destroy();
      return true;
    } catch {
      return false;
    }
  }

  #watch(child: ChildProcess): void {
    this.#watchdog = spawn("/bin/sh", ["-c", WATCHDOG, "sh", String(child.pid), this.folder], {
      ...this.#owner,
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#watchdog.on("error", () => undefined).unref();
    child.unref();
  }

  #onEnd(child: ChildProcess, error: Error): void {
    if (this.#process !== child) return;
    this.#process = undefined;
    this.#watchdog?.kill("SIGKILL");
    if (!this.#isStopping) this.#options.onFailure(error);
  }
}

interface DataPaths {
  readonly binaries: PostgresBinaries;
  readonly owner: UserIds | undefined;
  readonly folder: string;
  readonly dataDir: string;
}

async function initialise(
  { binaries, owner, folder, dataDir }: DataPaths,
  { isTemporary, password }: { readonly isTemporary: boolean; readonly password: string | undefined },
): Promise<void> {
  const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  // `trust` is for the one socket there is, in a folder that only its owner can enter; `password` is what Neon's driver can pipeline.
  const flags = ["-D", dataDir, "-U", SUPERUSER, "--auth-local=trust", "--auth-host=password", ...locale];
  if (isTemporary) flags.push("--no-sync");
  const passwordFile = join(folder, "password");
  if (password !== undefined) {
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (owner) await chown(passwordFile, owner.uid, owner.gid);
    flags.push(`--pwfile=${passwordFile}`);
  }
  await promisify(execFile)(binaries.initdb, flags, { ...owner, cwd: dataDir });
  await rm(passwordFile, { force: true });
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function startError(error: Error & { stderr?: string }, dataDir: string | undefined): IntegrationError {
  const why = error.stderr?.trim() || error.message;
  const isForeign = process.getuid?.() === 0 && /permission denied/i.test(why);
  const hint = isForeign
    ? "; PostgreSQL does not run as root, so it runs as another user, who must be able to enter every folder above its own"
    : dataDir === undefined
      ? ""
      : `; if ${dataDir} was made by another version, choose another folder`;
  return new IntegrationError({
    code: "INVALID_INPUT",
    service: "neon",
    message: `the local Neon's PostgreSQL did not start: ${why}${hint}`,
    cause: error,
  });
}
