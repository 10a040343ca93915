import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { freePort } from "./free-port.ts";

const READY_WITHIN_MS = 10_000;

/** A Redis of one's own, on a free port, in memory alone: what is flushed, killed or emptied here is nobody else's. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #clients: Redis[] = [];

  /** @throws Error that says how to install `redis-server` where there is none */
  static async start(): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), "enhanced-integration-redis-"));
    const port = await freePort();
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
    const child = spawn("redis-server", args, { stdio: "ignore" });
    const failed = new Promise<never>((_resolve, reject) => {
      child.once("error", (cause) =>
        reject(
          new Error(`redis-server cannot be started (Debian: apt-get install redis-server): ${cause.message}`, {
            cause,
          }),
        ),
      );
      child.once("exit", (code) => reject(new Error(`redis-server ended by itself with code ${code}`)));
    });
    failed.catch(() => undefined);
    const server = new RedisServer(port, child, folder);
    try {
      await Promise.race([failed, server.#ready()]);
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port;
    this.#process = child;
    this.#folder = folder;
  }

  /** A client that {@link close} will end. */
  client({ autoPipelining = false } = {}): Redis {
    const client = new Redis(this.port, "127.0.0.1", {
      enableAutoPipelining: autoPipelining,
      // A server that is just starting is asked again soon, and as often as it takes.
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
    });
    client.on("error", () => undefined); // told by the commands that fail
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    if (this.#process.exitCode === null && this.#process.pid !== undefined) {
      const ended = new Promise((resolve) => this.#process.once("exit", resolve));
      this.#process.kill("SIGKILL");
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #ready(): Promise<void> {
    const probe = this.client();
    const timeUp = new AbortController();
    try {
      await Promise.race([
        probe.ping(),
        sleep(READY_WITHIN_MS, undefined, { signal: timeUp.signal }).then(() => {
          throw new Error(`redis-server did not answer on port ${this.port} within ${READY_WITHIN_MS} ms`);
        }),
      ]);
    } finally {
      timeUp.abort();
      probe.disconnect();
    }
  }
}
