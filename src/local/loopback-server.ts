import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { type AddressInfo, createServer as createNetServer, type Server as NetServer, type Socket } from "node:net";
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
  /** Takes over WebSocket upgrades that no fault took. */
  readonly upgrade?: (request: IncomingMessage, socket: Socket, head: Buffer) => void;
  /** Takes over connections that do not begin with the letter of an HTTP method. @defaultValue HTTP only */
  readonly raw?: (socket: Socket) => void;
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
  const http = createServer((incoming, outgoing) => {
    answer(options, clock, incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  const { upgrade, raw } = options;
  if (upgrade)
    http.on("upgrade", (request, duplex, head) => {
      const socket = duplex as Socket;
      const letIn = async () => (await admit(options, clock, request, socket)) && upgrade(request, socket, head);
      letIn().catch(() => socket.destroy());
    });
  const server = raw ? createNetServer({ noDelay: true }, (socket) => tellApart(socket, http, raw)) : http;
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { port, url: `http://127.0.0.1:${port}`, close };
}

/** One port for HTTP and another protocol, told apart by the first byte: an HTTP method begins with a capital letter. */
function tellApart(socket: Socket, http: NetServer, raw: (socket: Socket) => void): void {
  socket.once("readable", () => {
    const first = socket.read(1) as Buffer | null;
    if (!first) return void socket.destroy(); // ended before it began
    socket.unshift(first);
    if (first[0]! >= 0x41 && first[0]! <= 0x5a) http.emit("connection", socket);
    else raw(socket);
  });
}

/** Makes an upgrade suffer its fault. @returns true if it may go on */
async function admit(
  { faults, service }: LoopbackServerOptions,
  clock: Clock,
  { method, url }: IncomingMessage,
  socket: Socket,
): Promise<boolean> {
  const fault = faults.next(service, `${method} ${url}`);
  switch (fault?.kind) {
    case undefined:
      return true;
    case "latency": {
      const gone = new AbortController();
      const onClose = () => gone.abort();
      socket.once("close", onClose);
      await sleep(fault.ms, clock, gone.signal).catch(() => undefined);
      socket.off("close", onClose);
      return !socket.destroyed;
    }
    case "stall":
      return false;
    case "reset":
      socket.destroy();
      return false;
    case "status": {
      const hint = fault.retryAfterSeconds === undefined ? "" : `Retry-After: ${fault.retryAfterSeconds}\r\n`;
      const line = `HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status] ?? "Injected"}`;
      socket.end(`${line}\r\n${hint}Connection: close\r\nContent-Length: 0\r\n\r\n`);
      return false;
    }
  }
}

function listen(server: NetServer, { port = 0, service }: LoopbackServerOptions): Promise<void> {
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
