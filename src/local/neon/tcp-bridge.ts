import { type Socket } from "node:net";
import { type WireConnection, type WireTransport } from "./wire-connection.ts";

/** PostgreSQL's protocol as it is, for psql, pg and every other client. */
export function serveTcp(socket: Socket, open: (transport: WireTransport) => WireConnection): void {
  const connection = open({
    name: "TCP",
    write: (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  });
  socket
    .on("data", (chunk) => connection.receive(chunk))
    .on("end", () => socket.end())
    .on("close", () => connection.closed());
}
