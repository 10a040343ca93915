import { createHash } from "node:crypto";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Clock } from "../../../../core/index.ts";
import { BodyReader, client, fatal, type Frame, FrameReader, int32, server, SqlFault } from "../../wire/index.ts";
import { Scram } from "./scram.ts";
import { type PostgresTarget } from "./target.ts";

/** A connection that the server has accepted and that waits for its first statement. */
export interface Upstream {
  readonly socket: Socket;
  readonly pid: number;
  readonly secret: number;
  /** The server's settings as it told them. */
  readonly reported: ReadonlyMap<string, string>;
}

/** Neon's own words for it, by which clients know that nothing was sent yet. */
const UNREACHABLE = "Couldn't connect to compute node";

/** Long for a machine under load, short for a person who waits. */
const CONNECT_TIMEOUT_MS = 10_000;

const SSL_REQUEST = 80877103;
const CANCEL_REQUEST = 80877102;

/**
 * Connects and signs in.
 * @param parameters settings for the start-up message
 * @throws SqlFault what the server refused with, or XX000 when it cannot be reached
 */
export async function connectUpstream(
  target: PostgresTarget,
  parameters: ReadonlyMap<string, string>,
  clock: Clock,
): Promise<Upstream> {
  const socket = await openSocket(target, clock);
  const timer = clock.setTimer(() => socket.destroy(), CONNECT_TIMEOUT_MS, { keepAlive: false });
  try {
    return await new SignIn(socket, target).run(parameters);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    timer.cancel();
  }
}

/** Asks the server to stop what `pid` runs. Best effort: whether it did is seen at the statement. */
export async function requestCancel(
  target: PostgresTarget,
  { pid, secret }: { readonly pid: number; readonly secret: number },
  clock: Clock,
): Promise<void> {
  const socket = await openSocket(target, clock).catch(() => undefined);
  socket?.on("error", () => undefined).end(client.startup(CANCEL_REQUEST, int32(pid), int32(secret)));
}

async function openSocket({ at, tls }: PostgresTarget, clock: Clock): Promise<Socket> {
  const socket = "path" in at ? connectTcp(at.path) : connectTcp({ ...at, noDelay: true });
  const timer = clock.setTimer(() => socket.destroy(new Error("no answer")), CONNECT_TIMEOUT_MS, { keepAlive: false });
  try {
    await happening(socket, "connect");
    if (tls === "disable") return socket;
    socket.write(client.startup(SSL_REQUEST));
    const answer = await happening(socket, "data");
    if (String(answer) !== "S") throw new Error("the server offers no encryption");
    const host = "host" in at ? at.host : "localhost";
    const secure = connectTls({ socket, host, rejectUnauthorized: tls === "verify-full" });
    await happening(secure, "secureConnect");
    return secure;
  } catch (error) {
    socket.destroy();
    throw fatal("XX000", `${UNREACHABLE}: ${(error as Error).message}`);
  } finally {
    timer.cancel();
  }
}

function happening(socket: Socket, event: "connect" | "data" | "secureConnect"): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onClose = () => reject(new Error("the connection was closed"));
    socket.once("error", reject).once("close", onClose);
    socket.once(event as "data", (value: unknown) => {
      socket.off("error", reject).off("close", onClose);
      resolve(value);
    });
  });
}

/** The exchange up to the first ReadyForQuery. */
class SignIn {
  readonly #socket: Socket;
  readonly #target: PostgresTarget;
  readonly #reported = new Map<string, string>();
  #scram: Scram | undefined;
  #pid = 0;
  #secret = 0;

  constructor(socket: Socket, target: PostgresTarget) {
    this.#socket = socket;
    this.#target = target;
  }

  run(parameters: ReadonlyMap<string, string>): Promise<Upstream> {
    const { user, database } = this.#target;
    const socket = this.#socket;
    const reader = new FrameReader();
    return new Promise<Upstream>((resolve, reject) => {
      const lost = (why = "the connection was closed") => reject(fatal("XX000", `${UNREACHABLE}: ${why}`));
      const onError = (error: Error) => lost(error.message);
      const onClose = () => lost();
      const onData = (chunk: Buffer) => {
        try {
          reader.feed(chunk);
          for (let frame = reader.next(); frame; frame = reader.next()) {
            if (frame.kind !== "Z") this.#take(frame);
            else {
              socket.off("data", onData).off("error", onError).off("close", onClose).pause();
              resolve({ socket, pid: this.#pid, secret: this.#secret, reported: this.#reported });
            }
          }
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      socket.on("data", onData).on("error", onError).on("close", onClose);
      socket.write(client.startupWith(new Map([["user", user], ["database", database], ...parameters])));
    });
  }

  /** @throws SqlFault what the server says against it */
  #take({ kind, body }: Frame): void {
    const reader = new BodyReader(body);
    if (kind === "E") {
      const { fields } = server.readErrorResponse(body);
      throw new SqlFault({ ...fields, severity: "FATAL" });
    }
    if (kind === "S") this.#reported.set(reader.cstring(), reader.cstring());
    else if (kind === "K") [this.#pid, this.#secret] = [reader.int32(), reader.int32()];
    else if (kind === "R") this.#authenticate(reader.int32(), reader);
  }

  #authenticate(method: number, reader: BodyReader): void {
    const { user, password } = this.#target;
    const send = (bytes: Buffer) => void this.#socket.write(bytes);
    switch (method) {
      case 0:
        return;
      case 3:
        return send(client.password(password));
      case 5: {
        const md5 = (...parts: (string | Buffer)[]) =>
          createHash("md5")
            .update(Buffer.concat(parts.map((part) => Buffer.from(part as string))))
            .digest("hex");
        return send(client.password(`md5${md5(md5(password, user), reader.rest())}`));
      }
      case 10:
        this.#scram = new Scram(password);
        return send(client.saslInitial("SCRAM-SHA-256", this.#scram.first()));
      case 11:
        return send(client.saslResponse(this.#scram!.final(reader.rest().toString())));
      case 12:
        return this.#scram!.verify(reader.rest().toString());
      default:
        throw fatal(
          "28000",
          `the server wants an authentication method (${method}) that the local Neon does not speak`,
        );
    }
  }
}
