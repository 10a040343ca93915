import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type Chance, spellings } from "./planted.ts";

/** Says something that holds a canary; longer than any excerpt now and then, so that cuts go through the middle of one. */
export type Say = () => string;

export function sayer(canaries: readonly string[], chance: Chance): Say {
  return () => {
    const spelt = chance.pick(spellings)(chance.pick(canaries));
    return `${"so it said ".repeat(chance.upTo(48))}${"x".repeat(chance.upTo(12))}${spelt} and more`;
  };
}

export interface EchoingServices extends AsyncDisposable {
  readonly http: string;
  readonly postgresPort: number;
  readonly redisPort: number;
  /** Bodies of deliveries, taken. */
  takeDeliveries(): string[];
}

/** An HTTP server for all of the vendors, a PostgreSQL and a Redis: each refuses all that it is asked, and repeats it. */
export async function startEchoingServices(say: Say, chance: Chance): Promise<EchoingServices> {
  const deliveries: string[] = [];
  const http = createHttpServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const sent = Buffer.concat(pieces).toString();
      if (request.headers["x-delivery"] !== undefined || /^\/(?:deliver|services|api\/v2)/.test(request.url ?? "")) {
        deliveries.push(sent);
        if (chance.upTo(4) > 0) return void response.writeHead(204).end();
      }
      refuse(request, response, sent, say, chance);
    });
  });
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
  };
  const postgres = createServer((socket) => (track(socket), refuseStatements(socket, say, chance)));
  const redis = createServer((socket) => {
    track(socket);
    socket.on("data", () => socket.write(`-ERR ${oneLine(say())}\r\n`));
  });
  const ports = await Promise.all([http, postgres, redis].map((server) => listen(server)));
  return {
    http: `http://127.0.0.1:${ports[0]}`,
    postgresPort: ports[1]!,
    redisPort: ports[2]!,
    takeDeliveries: () => deliveries.splice(0),
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await Promise.all([http, postgres, redis].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

async function listen(server: Server | ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const oneLine = (text: string) => text.replace(/[\r\n]+/g, " ");
/** A header carries no more than ASCII, and a secret that lost a sign on its way is not the secret any more. */
function sayInHeader(say: Say): string {
  for (;;) {
    const said = say();
    if (/^[\x20-\x7e]*$/.test(said)) return said;
  }
}

/** In shapes that the vendors' clients look into, and in none. */
const bodies: readonly ((said: string) => string)[] = [
  (said) => JSON.stringify({ message: said, code: "22P02", detail: said, hint: said, severity: "ERROR" }),
  (said) => JSON.stringify({ error: said, message: said, statusCode: "404" }),
  (said) => JSON.stringify({ error: { code: "BAD", message: said, details: [{ said }] } }),
  (said) => JSON.stringify({ msg: said, error_code: "validation_failed" }),
  (said) => JSON.stringify({ error: said, error_description: said }),
  (said) => `<html><body><h1>Bad gateway</h1>\n<pre>${said}</pre></body></html>`,
  (said) => said,
];
/** Not 429: whoever is told to wait would. */
const statuses = [400, 401, 403, 404, 409, 413, 422, 500, 502, 503, 504];

function refuse(request: IncomingMessage, response: ServerResponse, sent: string, say: Say, chance: Chance): void {
  const { url = "", headers } = request;
  const known = decodeURIComponent(url.replace(/%(?![0-9a-f]{2})/gi, "%25"));
  const echo = [JSON.stringify(headers), `${url} ${known}`, sent][chance.upTo(3)]!;
  const told = `${chance.upTo(2) === 0 ? chance.pick(spellings.slice(0, 12))(echo) : ""} ${say()}`;
  if (answersWithStream(url, response, told, chance)) return;
  // What a vendor's client makes of nonsense under a status of success is its own.
  const kind = url.startsWith("/rest/v1") ? 2 + chance.upTo(10) : chance.upTo(12);
  if (kind === 0) return void request.socket.destroy();
  const answer = kind === 1 ? say().trimStart() : chance.pick(bodies)(told);
  const status = kind === 1 ? 200 : chance.pick(statuses);
  const reason = sayInHeader(say);
  response.writeHead(status, reason, {
    "content-type": "application/json",
    "x-told": sayInHeader(say),
    "x-sid": reason,
  });
  inTwoPieces(response, answer, chance, kind === 2);
}

/** Failures that come under status 200: inside a stream, or as the record of a run. */
function answersWithStream(url: string, response: ServerResponse, told: string, chance: Chance): boolean {
  if (url === "/api/version") {
    response.end('{"version":"0.12.0"}');
    return true;
  }
  if (/^\/api\/(?:chat|pull)/.test(url) && chance.upTo(2) === 0) {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    const first = `${JSON.stringify({ model: "m", message: { role: "assistant", content: "a" }, done: false })}\n`;
    const last = [JSON.stringify({ error: told }), told, `{"error": ${told}`][chance.upTo(3)]!;
    inTwoPieces(response, `${chance.upTo(2) ? first : ""}${last}\n`, chance, false);
    return true;
  }
  const run = {
    run_id: "run_1",
    status: "FAILED",
    goal: "g",
    error: { code: "E", category: "AGENT_FAILURE", message: told },
  };
  const failed = { ...run, finished_at: "2026-01-01T00:00:00Z", num_of_steps: 1, result: null };
  const done = { ...failed, status: "COMPLETED", error: null, result: { success: false, error: told } };
  const ended = chance.upTo(2) ? failed : done;
  if (url.startsWith("/v1/automation/run-async") && chance.upTo(4) > 0) {
    const refused = { run_id: null, error: { code: "INVALID_INPUT", message: told } };
    response.end(JSON.stringify(chance.upTo(3) ? { run_id: "run_1" } : refused));
    return true;
  }
  if (!/^\/v1\/runs\/run_1/.test(url)) return false;
  response.end(JSON.stringify(ended));
  return true;
}

/** Cut anywhere: a secret may begin in one piece and end in the next. */
function inTwoPieces(response: ServerResponse, text: string, chance: Chance, breaksOff: boolean): void {
  const at = chance.upTo(text.length + 1);
  const bytes = Buffer.from(text);
  response.write(bytes.subarray(0, at));
  setImmediate(() => {
    if (breaksOff) response.socket?.destroy();
    else response.end(bytes.subarray(at));
  });
}

/** PostgreSQL's protocol as far as a server goes that refuses every statement. */
function refuseStatements(socket: Socket, say: Say, chance: Chance): void {
  let isOpen = false;
  let rest = Buffer.alloc(0);
  socket.on("data", (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      const head = isOpen ? 1 : 0;
      if (rest.length < head + 4) return;
      const length = rest.readInt32BE(head) + head;
      if (rest.length < length) return;
      const type = isOpen ? String.fromCharCode(rest[0]!) : "start";
      rest = rest.subarray(length);
      if (type === "start") {
        if (chance.upTo(20) === 0) return void socket.end(errorResponse("FATAL", "28P01", say));
        isOpen = true;
        const ready = frame("Z", "I");
        socket.write(Buffer.concat([frame("R", Buffer.from([0, 0, 0, 0])), ready]));
      } else if (type === "X") socket.end();
      else if (type === "Q" || type === "S") {
        const state = chance.pick(["22P02", "23505", "42601", "P0001", "40001", "XX000"]);
        const answer = Buffer.concat([errorResponse("ERROR", state, say), frame("Z", "I")]);
        const at = chance.upTo(answer.length);
        socket.write(answer.subarray(0, at));
        socket.write(answer.subarray(at));
        if (chance.upTo(30) === 0) socket.end(errorResponse("FATAL", "57P01", say));
      }
    }
  });
}

function errorResponse(severity: string, code: string, say: Say): Buffer {
  const fields = {
    S: severity,
    V: severity,
    C: code,
    M: say(),
    D: say(),
    H: say(),
    W: say(),
    q: say(),
    n: "a_constraint",
  };
  return frame(
    "E",
    `${Object.entries(fields)
      .map(([name, text]) => `${name}${text}\0`)
      .join("")}\0`,
  );
}

function frame(type: string, payload: string | Buffer): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
