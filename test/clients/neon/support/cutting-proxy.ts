import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { unmaskedText } from "../../../../bench/support/unmasked-text.ts";

/** Passes bytes between a client and a server, a WebSocket's too, until what the client sends matches `cutAt`: then the line is cut. */
export interface CuttingProxy {
  readonly port: number;
  /** How often, and whether before the server saw it, or after it did and only the answer was lost. */
  cut(cutAt: RegExp, phase: "before" | "after", times?: number): void;
  close(): Promise<void>;
}

export async function startCuttingProxy(target: { host: string; port: number }): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let rule: { cutAt: RegExp; phase: "before" | "after"; times: number } | undefined;
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    let isCutting = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket
        .on("error", () => undefined)
        .on("close", () => {
          client.destroy();
          upstream.destroy();
          sockets.delete(socket);
        });
    }
    client.on("data", (bytes) => {
      if (rule && rule.times > 0 && rule.cutAt.test(unmaskedText(bytes))) {
        rule.times -= 1;
        if (rule.phase === "before") return void client.destroy();
        isCutting = true;
      }
      upstream.write(bytes);
    });
    upstream.on("data", (bytes) => (isCutting ? client.destroy() : client.write(bytes)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut: (cutAt, phase, times = 1) => void (rule = { cutAt, phase, times }),
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
