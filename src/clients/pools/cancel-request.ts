import pg from "pg";
import { type Clock } from "../../core/index.ts";
import { type ConnectionTarget } from "../neon/connection-string.ts";

/** Long enough for a TLS handshake across an ocean, ms. */
const CANCEL_TIMEOUT_MS = 5_000;

/** The parts of pg's connection that its types leave out. */
interface RawConnection extends pg.Connection {
  connect(port: number, host: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
}

/**
 * Asks the server to stop what `client` is running, over a connection of its own as the protocol wants it. Best effort
 * and bounded: the statement timeout on the server is the safety net. Resolves when the server has taken note, or never will.
 */
export function cancelRequest(target: ConnectionTarget, client: pg.ClientBase, clock: Clock): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID?: number | null; secretKey?: number | null };
  if (typeof processID !== "number" || typeof secretKey !== "number" || target.host.startsWith("/"))
    return Promise.resolve();
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
