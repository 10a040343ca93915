// A process of its own: what Neon's proxy is to a driver, between WebSockets on one side and PostgreSQL on the other.
// Prints its port. Ends with the process that started it.
import { connect, type AddressInfo } from "node:net";
import { createWebSocketStream, WebSocketServer } from "ws";

const postgresPort = Number(process.argv[2]);
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false }, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
server.on("connection", (webSocket) => {
  const tunnel = createWebSocketStream(webSocket);
  const database = connect({ port: postgresPort, host: "127.0.0.1", noDelay: true });
  tunnel.on("error", () => database.destroy()).pipe(database);
  database.on("error", () => tunnel.destroy()).pipe(tunnel);
});
process.stdin.resume().on("end", () => process.exit());
