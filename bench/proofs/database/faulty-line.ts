import { type AddressInfo, connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";
import { unmaskedText } from "../../support/unmasked-text.ts";

interface Line {
  readonly client: Socket;
  readonly server: Socket;
  /** Nothing passes any more, in either direction, and nobody is told. */
  isDead: boolean;
  /** Bytes of the server's that still pass before the line is cut. */
  bytesLeft: number;
  /** A COMMIT is at the server, and its answer must not come back. */
  isLosingAnswer: boolean;
}

/** A TCP port in front of a server, and all that can go wrong between. */
export class FaultyLine {
  readonly port: number;
  /** Answers to COMMITs that were lost so far. */
  lostCommits = 0;
  readonly #listener: Server;
  readonly #lines = new Set<Line>();
  #commitsToLose = 0;
  #isFrozen = false;

  private constructor(listener: Server) {
    this.#listener = listener;
    this.port = (listener.address() as AddressInfo).port;
  }

  /** @param to the server's socket, or where it listens */
  static async open(to: NetConnectOpts): Promise<FaultyLine> {
    const listener = createServer({ noDelay: true });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const line = new FaultyLine(listener);
    listener.on("connection", (client) => line.#join(client, connect(to)));
    return line;
  }

  /** Connections that are open on the client's side. */
  get size(): number {
    return this.#lines.size;
  }

  /** Every connection goes half-open for good; new ones are accepted and stay silent until {@link heal}. */
  freeze(): void {
    this.#isFrozen = true;
    for (const line of this.#lines) line.isDead = true;
  }

  /** New connections work again; those of before stay dead. */
  heal(): void {
    this.#isFrozen = false;
  }

  /** Cuts every connection after so many more bytes from the server. */
  cutAfter(bytes: number): void {
    for (const line of this.#lines) line.bytesLeft = bytes;
  }

  /** Lets the next COMMIT pass and loses its answer, with the connection. */
  loseNextCommit(): void {
    this.#commitsToLose += 1;
  }

  async close(): Promise<void> {
    for (const { client, server } of this.#lines) {
      client.destroy();
      server.destroy();
    }
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()));
  }

  #join(client: Socket, server: Socket): void {
    const line: Line = { client, server, isDead: this.#isFrozen, bytesLeft: Infinity, isLosingAnswer: false };
    this.#lines.add(line);
    const cut = () => {
      client.destroy();
      server.destroy();
      this.#lines.delete(line);
    };
    client.on("error", () => undefined).on("close", cut);
    server.on("error", () => undefined).on("close", () => (line.isDead ? undefined : cut()));
    client.on("data", (bytes: Buffer) => {
      if (line.isDead) return;
      if (this.#commitsToLose > 0 && /\bcommit\b/i.test(unmaskedText(bytes))) {
        this.#commitsToLose -= 1;
        line.isLosingAnswer = true;
      }
      server.write(bytes);
    });
    server.on("data", (bytes: Buffer) => {
      if (line.isDead) return;
      if (line.isLosingAnswer) {
        this.lostCommits += 1;
        return cut();
      }
      if (bytes.length >= line.bytesLeft) {
        client.write(bytes.subarray(0, line.bytesLeft), cut);
        line.isDead = true;
        return;
      }
      line.bytesLeft -= bytes.length;
      client.write(bytes);
    });
  }
}
