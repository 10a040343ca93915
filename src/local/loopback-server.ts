import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, type Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Clock, sleep, systemClock } from "../core/index.ts";
import { type Fault, type FaultPlan, type StandInName } from "./faults.ts";

/** A stand-in's own logic: a web-standard request in, a response out. Its signal fires when the client goes away. */
export type Handler = (request: Request) => Promise<Response> | Response;

export interface LoopbackServerOptions {
  readonly service: StandInName;
  readonly faults: FaultPlan;
  readonly handle: Handler;
  /** @defaultValue 0: any free port */
  readonly port?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Takes over WebSocket upgrades; the fault, if any, is the server's to apply. */
  readonly upgrade?: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
}

export interface LoopbackServer {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves a handler on 127.0.0.1 and makes its requests suffer the plan's faults. */
export async function startLoopbackServer(options: LoopbackServerOptions): Promise<LoopbackServer> {
  const clock = options.clock ?? systemClock;
  const server = createServer((incoming, outgoing) => {
    answer(options, clock, incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  });
  const { upgrade } = options;
  if (upgrade) server.on("upgrade", (request, socket, head) => upgrade(request, socket as Socket, head));
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { port, url: `http://127.0.0.1:${port}`, close };
}

function listen(server: Server, { port = 0, service }: LoopbackServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const hint =
        error.code === "EADDRINUSE"
          ? `port ${port} is taken; choose another or leave it out for any free one`
          : error.message;
      reject(new Error(`the local ${service} stand-in could not start: ${hint}`, { cause: error }));
    });
    server.listen(port, "127.0.0.1", () => resolve());
  });
}

async function answer(
  options: LoopbackServerOptions,
  clock: Clock,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort());
  const fault = options.faults.next(options.service, `${incoming.method} ${incoming.url}`);
  if (fault && (await suffer(fault, clock, incoming, outgoing, gone.signal))) return;
  const response = await options.handle(toRequest(incoming, gone.signal));
  if (fault?.kind === "reset") return void incoming.socket.destroy();
  if (gone.signal.aborted) return;
  await send(response, outgoing);
}

/** @returns true if the request is over */
async function suffer(
  fault: Fault,
  clock: Clock,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  gone: AbortSignal,
): Promise<boolean> {
  switch (fault.kind) {
    case "latency":
      await sleep(fault.ms, clock, gone).catch(() => undefined);
      return gone.aborted;
    case "stall":
      incoming.resume();
      return true;
    case "reset":
      if (fault.phase === "after") return false;
      incoming.socket.destroy();
      return true;
    case "status": {
      incoming.resume();
      const hint = fault.retryAfterSeconds === undefined ? {} : { "retry-after": String(fault.retryAfterSeconds) };
      outgoing.writeHead(fault.status, { "content-type": "application/json", ...hint });
      outgoing.end(JSON.stringify({ message: `injected ${fault.status}`, error: `injected ${fault.status}` }));
      return true;
    }
  }
}

function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2)
    headers.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!);
  const hasBody = incoming.method !== "GET" && incoming.method !== "HEAD";
  const init = {
    method: incoming.method!,
    headers,
    signal,
    ...(hasBody && { body: Readable.toWeb(incoming), duplex: "half" }),
  };
  return new Request(`http://${incoming.headers.host ?? "127.0.0.1"}${incoming.url}`, init as RequestInit);
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  const headers: Record<string, string | string[]> = Object.fromEntries(response.headers);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  outgoing.writeHead(response.status, headers);
  if (!response.body) return void outgoing.end();
  outgoing.flushHeaders();
  await pipeline(Readable.fromWeb(response.body), outgoing);
}
