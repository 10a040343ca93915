import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { createClient } from "redis";

/** A redis-server of this test alone, in memory, that may be paused, killed and started again on the same port. */
export class OwnRedis {
  readonly port: number;
  readonly #folder: string;
  readonly #clients: Redis[] = [];
  readonly #nodeClients: { destroy(): void }[] = [];
  #process: ChildProcess | undefined;

  static async start(): Promise<OwnRedis> {
    const redis = new OwnRedis(await freePort(), await mkdtemp(join(tmpdir(), "fleet-redis-")));
    await redis.start();
    return redis;
  }

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  /** @returns when it answers */
  async start(): Promise<void> {
    const where = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder];
    this.#process = spawn("redis-server", [...where, "--save", "", "--appendonly", "no"], { stdio: "ignore" });
    await new Promise<void>((resolve, reject) => {
      this.#process?.once("spawn", resolve).once("error", reject);
    });
    const probe = this.client();
    await probe.ping();
    probe.disconnect();
  }

  /** Ends it with everything in it. */
  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.#process?.once("exit", resolve));
    this.#process?.kill("SIGKILL");
    await ended;
  }

  /** Connections stay open and nothing is answered. */
  pause(): void {
    this.#process?.kill("SIGSTOP");
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  client(): Redis {
    const client = new Redis(this.port, "127.0.0.1", { retryStrategy: () => 10, maxRetriesPerRequest: null });
    client.on("error", () => undefined);
    this.#clients.push(client);
    return client;
  }

  /** The same with the other library. */
  async nodeClient() {
    const client = createClient({ socket: { port: this.port, host: "127.0.0.1", reconnectStrategy: () => 10 } });
    client.on("error", () => undefined);
    this.#nodeClients.push(client);
    await client.connect();
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.#nodeClients) client.destroy();
    for (const client of this.#clients) client.disconnect();
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
