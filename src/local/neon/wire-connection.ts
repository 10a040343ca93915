import { type Clock, sleep } from "../../core/index.ts";
import { type FaultPlan } from "../faults.ts";
import { type Credentials } from "./credentials.ts";
import { type DatabaseEngine, type EngineSession, type Turn } from "./engine/engine.ts";
import { BodyReader, fatal, failed, type Frame, FrameReader, server, SqlFault } from "./wire/index.ts";

/** How bytes reach a client: a TCP socket or a WebSocket. */
export interface WireTransport {
  /** Begins the key under which faults find the connection's queries. */
  readonly name: "WS" | "TCP";
  write(bytes: Buffer): void;
  /** Sends what was written, then closes. */
  end(): void;
  /** Cuts. */
  destroy(): void;
}

export interface WireContext {
  readonly engine: DatabaseEngine;
  readonly credentials: Credentials;
  readonly faults: FaultPlan;
  readonly clock: Clock;
  /** All that are open, for the day the server goes. */
  readonly connections: Set<WireConnection>;
}

/** PostgreSQL's own bounds: on the start-up message, and on the time until the password is there. */
const MAX_STARTUP_BYTES = 10_000;
const AUTHENTICATION_TIMEOUT_MS = 60_000;

const SSL_REQUEST = 80877103;
const ENCRYPTION_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;

/**
 * The server's half of the PostgreSQL protocol for one client, up to the point where messages make a whole turn. It asks
 * for a password in clear text, as the driver expects that sends one unasked; an engine never sees it.
 */
export class WireConnection {
  readonly #transport: WireTransport;
  readonly #context: WireContext;
  readonly #reader = new FrameReader();
  readonly #gone = new AbortController();
  readonly #deadline;
  #startup: ReadonlyMap<string, string> | undefined;
  #session: EngineSession | undefined;
  /** The engine is making the session: what the client sends meanwhile has to wait. */
  #isOpening = false;
  /** Turns run one after the other. */
  #tail: Promise<void> = Promise.resolve();
  #isDeaf = false;

  constructor(transport: WireTransport, context: WireContext) {
    this.#transport = transport;
    this.#context = context;
    context.connections.add(this);
    const late = () => this.dismiss(fatal("57014", "canceling authentication due to timeout"));
    this.#deadline = context.clock.setTimer(late, AUTHENTICATION_TIMEOUT_MS, { keepAlive: false });
  }

  receive(chunk: Uint8Array): void {
    if (this.#isDeaf) return;
    this.#reader.feed(chunk);
    this.#readOn();
  }

  #readOn(): void {
    try {
      while (!this.#isDeaf && !this.#isOpening) {
        const message = this.#reader.next(this.#startup !== undefined);
        if (!message) return;
        this.#handle(message);
      }
    } catch (error) {
      if (error instanceof SqlFault) this.dismiss(fatal(error.fields.code, error.message));
      else if (error instanceof RangeError)
        this.dismiss(fatal("08P01", error.message)); // shorter or longer than it says
      else throw error;
    }
  }

  /** The client is gone: what it had open is taken back. */
  closed(): void {
    if (this.#gone.signal.aborted) return;
    this.#isDeaf = true;
    this.#context.connections.delete(this);
    this.#deadline.cancel();
    this.#gone.abort();
    this.#session?.abandon();
    void this.#tail.then(() => this.#session?.leave());
  }

  /** Says why, and ends the connection. */
  dismiss(reason: SqlFault): void {
    if (this.#gone.signal.aborted) return;
    this.#transport.write(server.errorResponse(reason));
    this.#end();
  }

  #handle(message: Frame): void {
    if (!this.#startup) this.#start(message);
    else if (!this.#session) this.#authenticate(this.#startup, message);
    else if (message.kind === "X") this.#goodbye();
    else {
      const turn = this.#session.receive(message);
      if (turn) this.#enqueue(() => this.#run(this.#session!, turn));
    }
  }

  #start({ body }: Frame): void {
    if (body.length > MAX_STARTUP_BYTES) throw new RangeError("invalid length of startup packet");
    const reader = new BodyReader(body);
    const code = reader.int32();
    if (code === SSL_REQUEST || code === ENCRYPTION_REQUEST) return this.#transport.write(Buffer.from("N"));
    if (code === CANCEL_REQUEST) {
      this.#context.engine.cancel(reader.int32(), reader.int32());
      return this.#end();
    }
    const [major, minor] = [code >> 16, code & 0xffff];
    if (major !== 3) throw failed("0A000", `unsupported frontend protocol ${major}.${minor}: server supports 3.0`);
    const parameters = new Map<string, string>();
    for (let name = reader.cstring(); name !== ""; name = reader.cstring()) parameters.set(name, reader.cstring());
    if (!parameters.has("user")) throw failed("28000", "no PostgreSQL user name specified in startup packet");
    this.#startup = parameters;
    if (minor > 0) this.#transport.write(server.onlyVersionThreeZero());
    this.#transport.write(server.passwordRequest());
  }

  #authenticate(parameters: ReadonlyMap<string, string>, { kind, body }: Frame): void {
    if (kind === "X") return this.#end();
    if (kind !== "p") throw failed("08P01", `expected password response, got message type ${kind.charCodeAt(0)}`);
    const user = parameters.get("user")!;
    const database = parameters.get("database") ?? user;
    const refusal = this.#context.credentials.check({ user, password: new BodyReader(body).cstring(), database });
    if (refusal) throw refusal;
    this.#deadline.cancel();
    this.#isOpening = true;
    const opened = this.#context.engine.open({
      parameters,
      onUnasked: (bytes) => this.#write(bytes),
      onEnded: (reason) => (reason ? this.dismiss(reason) : this.#end()),
    });
    opened.then(
      (session) => this.#welcome(session),
      (error: unknown) => this.dismiss(faultOf(error)),
    );
  }

  #welcome(session: EngineSession): void {
    this.#isOpening = false;
    this.#session = session;
    if (this.#gone.signal.aborted) return void session.leave();
    const reported = [...session.reported].map(([name, value]) => server.parameterStatus(name, value));
    const ready = [server.backendKey(session.pid, session.secret), server.readyForQuery("I")];
    this.#transport.write(Buffer.concat([server.authenticated(), ...reported, ...ready]));
    this.#readOn();
  }

  #enqueue(work: () => Promise<void>): void {
    this.#tail = this.#tail
      .then(() => (this.#gone.signal.aborted ? undefined : work()))
      .catch((error: unknown) => {
        if (error instanceof SqlFault && !error.isFatal) this.#write(server.errorResponse(error));
        else this.dismiss(faultOf(error));
      });
  }

  async #run(session: EngineSession, turn: Turn): Promise<void> {
    const { faults, clock } = this.#context;
    const fault =
      turn.sql === undefined ? undefined : faults.next("neon", `${this.#transport.name} query ${turn.sql.trim()}`);
    if (fault?.kind === "stall") return void (this.#isDeaf = true);
    if (fault?.kind === "status") return this.dismiss(statusFault(fault.status));
    if (fault?.kind === "reset" && fault.phase !== "after") return this.#transport.destroy();
    if (fault?.kind === "latency") {
      await sleep(fault.ms, clock, this.#gone.signal).catch(() => undefined);
      if (this.#gone.signal.aborted) return;
    }
    const isLost = fault?.kind === "reset";
    try {
      await turn.run((bytes) => (isLost ? undefined : this.#write(bytes)));
    } catch (error) {
      if (!(error instanceof SqlFault) || error.isFatal) throw error;
      const ready = turn.isComplete ? [server.readyForQuery(session.status)] : [];
      this.#write(Buffer.concat([server.errorResponse(error), ...ready]));
    }
    if (isLost) this.#transport.destroy();
  }

  #write(bytes: Buffer): void {
    if (!this.#gone.signal.aborted) this.#transport.write(bytes);
  }

  /** What was sent before it is still to be done. */
  #goodbye(): void {
    this.#isDeaf = true;
    this.#enqueue(async () => this.#end());
  }

  /** Does not wait for the client to hang up as well: that may be long in coming, and others wait. */
  #end(): void {
    this.#transport.end();
    this.closed();
  }
}

const faultOf = (error: unknown): SqlFault =>
  error instanceof SqlFault ? error : fatal("XX000", String((error as Error).message));

/** What a server that is full or not ready would say at this point of the protocol. */
function statusFault(status: number): SqlFault {
  const code = status === 429 ? "53300" : status === 503 ? "57P03" : "XX000";
  return fatal(code, `injected ${status}`);
}
