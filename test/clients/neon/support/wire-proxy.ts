import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A line to a server that can go dead without a word, and shows what passes. */
export interface WireProxy {
  readonly port: number;
  /** From now on nothing passes on the connections that stand, and new ones are accepted in silence. */
  freeze(): void;
  /** New connections work again; those that were frozen stay dead for ever. */
  heal(): void;
  /** Cuts every connection. */
  cut(): void;
  /** Cuts them all when so many more bytes have come from the server, the last of them half way. */
  cutAfter(bytes: number): void;
  close(): Promise<void>;
}

export async function startWireProxy(
  target: { readonly host: string; readonly port: number },
  onSent: (bytes: Buffer) => void = () => undefined,
): Promise<WireProxy> {
  const sockets = new Set<Socket>();
  const frozen = new WeakSet<Socket>();
  let isFrozen = false;
  let bytesLeft = Infinity;
  const server = createServer((client) => {
    sockets.add(client.on("error", () => undefined));
    if (isFrozen) {
      frozen.add(client);
      client.resume();
      return;
    }
    const upstream = connect(target.port, target.host);
    sockets.add(upstream.on("error", () => undefined));
    const end = () => {
      client.destroy();
      upstream.destroy();
      sockets.delete(client);
      sockets.delete(upstream);
    };
    client.on("close", end);
    upstream.on("close", () => (frozen.has(client) ? undefined : end()));
    client.on("data", (bytes) => {
      if (frozen.has(client)) return;
      onSent(bytes);
      upstream.write(bytes);
    });
    upstream.on("data", (bytes) => {
      if (frozen.has(client)) return;
      bytesLeft -= bytes.length;
      client.write(bytesLeft > 0 ? bytes : bytes.subarray(0, bytesLeft), () => (bytesLeft > 0 ? undefined : cut()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    bytesLeft = Infinity;
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    freeze() {
      isFrozen = true;
      for (const socket of sockets) frozen.add(socket);
    },
    heal: () => void (isFrozen = false),
    cut,
    cutAfter: (bytes) => void (bytesLeft = bytes),
    close() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
