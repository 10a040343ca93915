import pg from "pg";
import { WebSocket } from "ws";
import { type Clock } from "../../core/index.ts";
import { authorityOf, type ConnectionTarget } from "../neon/connection-string.ts";
import { type PoolTransport } from "./drivers.ts";

/** Long enough for a TLS handshake across an ocean, ms. */
const CANCEL_TIMEOUT_MS = 5_000;

/** The parts of pg's connection that its types leave out. */
interface RawConnection extends pg.Connection {
  connect(port: number, host: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
}

/** What PostgreSQL takes for a cancel request where a start-up message would be. */
const CANCEL_CODE = 80_877_102;

/**
 * Asks the server to stop what `client` is running, over a connection of its own as the protocol wants it, which travels
 * like the client's. Best effort and bounded: the statement timeout on the server is the safety net. Resolves when the
 * server has taken note, or never will.
 */
export function cancelRequest(
  target: ConnectionTarget,
  transport: PoolTransport,
  client: pg.ClientBase,
  clock: Clock,
): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID?: number | null; secretKey?: number | null };
  if (typeof processID !== "number" || typeof secretKey !== "number" || target.host.startsWith("/"))
    return Promise.resolve();
  return transport === "tcp"
    ? cancelOverTcp(target, processID, secretKey, clock)
    : cancelOverWebSocket(target, processID, secretKey, clock);
}

function cancelOverWebSocket(
  target: ConnectionTarget,
  processId: number,
  secretKey: number,
  clock: Clock,
): Promise<void> {
  const request = Buffer.alloc(16);
  for (const [at, number] of [16, CANCEL_CODE, processId, secretKey].entries()) request.writeInt32BE(number, 4 * at);
  const url = target.isLoopback ? `ws://${authorityOf(target)}/v2` : `wss://${target.host}/v2`;
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    const timer = clock.setTimer(() => socket.terminate(), CANCEL_TIMEOUT_MS, { keepAlive: false });
    socket.on("open", () => socket.send(request)); // the server closes, once it has read it
    socket.on("error", () => socket.terminate());
    socket.on("close", () => (timer.cancel(), resolve()));
  });
}

function cancelOverTcp(target: ConnectionTarget, processID: number, secretKey: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const connection = new pg.Connection({ ssl: target.ssl }) as RawConnection;
    const timer = clock.setTimer(() => connection.stream.destroy(), CANCEL_TIMEOUT_MS, { keepAlive: false });
    const send = () => connection.cancel(processID, secretKey);
    const done = () => (timer.cancel(), resolve());
    connection.on("error", () => (connection.stream.destroy(), done()));
    connection.on("end", done);
    connection.once("connect", () => (target.ssl ? connection.requestSsl() : send()));
    connection.once("sslconnect", send);
    connection.connect(target.port, target.host);
  });
}
