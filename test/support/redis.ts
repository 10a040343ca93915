import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { createClient } from "redis";

/** A Redis server that belongs to one test file: to be flushed, killed, emptied and stalled at will. */
export interface TestRedis {
  readonly port: number;
  readonly pid: number;
  /** A connected client, closed with the server. */
  client(options?: {
    readonly port?: number;
    readonly enableAutoPipelining?: boolean;
    readonly maxRetriesPerRequest?: number;
    readonly retryStrategy?: () => number;
  }): Promise<Redis>;
  /** The same with the other library. */
  nodeClient(): Promise<NodeRedis>;
  /** SIGKILL: nothing is saved, nothing is said. */
  kill(): Promise<void>;
  /** On the same port, empty. */
  restart(): Promise<void>;
  /** Stops and lets go on: a server that is there and does not answer. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

export type NodeRedis = ReturnType<typeof createNodeRedis>;

const createNodeRedis = (port: number) =>
  createClient({ socket: { port, host: "127.0.0.1", reconnectStrategy: () => 20 } });

export async function startRedis(): Promise<TestRedis> {
  if (spawnSync("redis-server", ["--version"]).status !== 0)
    throw new Error("these tests need redis-server in the PATH (Debian: apt-get install redis-server)");
  const folder = mkdtempSync(join(tmpdir(), "ei-redis-"));
  const port = await freePort();
  const clients: { disconnect(): void }[] = [];
  let server = await launch(port, folder);
  return {
    port,
    get pid() {
      return server.pid ?? 0;
    },
    async client(options) {
      const client = new Redis({ port, host: "127.0.0.1", lazyConnect: true, ...options });
      client.on("error", () => undefined);
      clients.push(client);
      await client.connect();
      return client;
    },
    async nodeClient() {
      const client = createNodeRedis(port);
      client.on("error", () => undefined);
      clients.push({ disconnect: () => client.destroy() });
      await client.connect();
      return client;
    },
    kill: () => exitOf(server, "SIGKILL"),
    async restart() {
      server = await launch(port, folder);
    },
    freeze: () => void server.kill("SIGSTOP"),
    thaw: () => void server.kill("SIGCONT"),
    async close() {
      for (const client of clients) client.disconnect();
      server.kill("SIGCONT");
      await exitOf(server, "SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A way to the server on which bytes can be held back: latency, a black hole, a connection cut. */
export interface RedisProxy {
  readonly port: number;
  /** Delays what the server says, ms; Infinity swallows it. */
  delayMs: number;
  cut(): void;
  close(): Promise<void>;
}

export async function proxyTo(target: number): Promise<RedisProxy> {
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const proxy = { port: 0, delayMs: 0, cut, close };
  const server: Server = createServer((socket) => {
    const upstream = createConnection(target, "127.0.0.1");
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one.on("error", () => undefined).on("close", () => sockets.delete(one));
    }
    socket.on("data", (bytes) => upstream.write(bytes)).on("close", () => upstream.destroy());
    upstream.on("data", (bytes) => later(() => socket.write(bytes))).on("close", () => socket.destroy());
  });
  function later(fn: () => void): void {
    if (proxy.delayMs === 0) return fn();
    if (proxy.delayMs === Infinity) return;
    const timer = setTimeout(() => (timers.delete(timer), fn()), proxy.delayMs);
    timers.add(timer);
  }
  function cut(): void {
    for (const socket of sockets) socket.destroy();
  }
  async function close(): Promise<void> {
    for (const timer of timers) clearTimeout(timer);
    cut();
    await new Promise((resolve) => server.close(resolve));
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy.port = (server.address() as AddressInfo).port;
  return proxy;
}

async function launch(port: number, folder: string): Promise<ChildProcess> {
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
  const server = spawn("redis-server", args, { stdio: "ignore" });
  for (let attempt = 0; server.exitCode === null && attempt < 200; attempt += 1) {
    const probe = new Redis({ port, host: "127.0.0.1", lazyConnect: true, retryStrategy: () => null });
    probe.on("error", () => undefined);
    const pong = await probe
      .connect()
      .then(() => probe.ping())
      .catch(() => undefined);
    probe.disconnect();
    if (pong) return server;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  server.kill("SIGKILL");
  throw new Error(`redis-server did not become ready on port ${port}`);
}

async function exitOf(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = new Promise((resolve) => server.once("exit", resolve));
  server.kill(signal);
  await exited;
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
