import { type IncomingMessage } from "node:http";
import { type Socket } from "node:net";
import { type RawData, WebSocketServer } from "ws";
import { type WireConnection, type WireTransport } from "./wire-connection.ts";

type Open = (transport: WireTransport) => WireConnection;

/** PostgreSQL's bytes inside binary WebSocket frames, which need not end where messages do: the driver's `wsProxy`. */
export class WebSocketBridge {
  readonly #server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 0x3fff_ffff });
  readonly #open: Open;

  constructor(open: Open) {
    this.#open = open;
  }

  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (!/^\/v[12](?:$|[?/])/.test(request.url ?? "")) {
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = this.#open({
        name: "WS",
        write: (bytes) => webSocket.send(bytes, { binary: true }),
        end: () => webSocket.close(1000),
        destroy: () => webSocket.terminate(),
      });
      webSocket
        .on("message", (data) => connection.receive(bytesOf(data)))
        .on("close", () => connection.closed())
        .on("error", () => webSocket.terminate());
    });
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
