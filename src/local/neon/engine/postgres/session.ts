import {
  type Frame,
  FrameReader,
  client,
  fatal,
  server,
  type SqlFault,
  type TransactionStatus,
} from "../../wire/index.ts";
import { type EngineSession, type SessionOptions, type Turn } from "../engine.ts";
import { type MessageGroup, TurnReader } from "./turn-reader.ts";
import { type Upstream } from "./upstream.ts";

export interface PostgresSessionHooks extends Pick<SessionOptions, "onUnasked" | "onEnded"> {
  readonly onCancel: (key: { readonly pid: number; readonly secret: number }) => void;
  /** The connection is gone. */
  readonly onGone: (session: PostgresSession) => void;
}

interface Running {
  readonly write: (bytes: Buffer) => void;
  readonly resolve: () => void;
  readonly reject: (reason: SqlFault) => void;
}

/** One client's session is one connection to the server: its bytes pass unchanged. */
export class PostgresSession implements EngineSession {
  readonly pid: number;
  readonly secret: number;
  readonly reported: ReadonlyMap<string, string>;
  readonly #upstream: Upstream;
  readonly #hooks: PostgresSessionHooks;
  readonly #turns = new TurnReader();
  readonly #answers = new FrameReader();
  #status: TransactionStatus = "I";
  #running: Running | undefined;
  /** The server takes the rows of a COPY: what the client sends goes through at once. */
  #isCopyingIn = false;
  /** A Sync that the server read among the rows of a COPY had no effect: the client's next one ends the turn under way. */
  #isSyncOwed = false;
  #lastWords: SqlFault | undefined;
  #isGone = false;

  constructor(upstream: Upstream, hooks: PostgresSessionHooks) {
    this.#upstream = upstream;
    this.#hooks = hooks;
    ({ pid: this.pid, secret: this.secret, reported: this.reported } = upstream);
    upstream.socket
      .on("data", (chunk: Buffer) => this.#take(chunk))
      .on("error", () => undefined)
      .on("close", () => this.#close())
      .resume();
  }

  get status(): TransactionStatus {
    return this.#status;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  receive(message: Frame): Turn | undefined {
    if (this.#isCopyingIn || (this.#isSyncOwed && message.kind === "S")) {
      if (message.kind === "S") this.#isSyncOwed = false;
      this.#upstream.socket.write(message.bytes);
      return undefined;
    }
    const group = this.#turns.add(message);
    return group && this.#turn(group);
  }

  statement(sql: string, params: readonly (string | null)[]): Turn {
    // A COPY must not wait for rows that HTTP cannot bring; every other statement ignores the refusal.
    const noRows = client.copyFail("COPY FROM STDIN does not work over HTTP");
    const parts = [client.parse("", sql), client.bind(params), client.describePortal(), client.execute(), noRows];
    return this.#turn({ bytes: Buffer.concat([...parts, client.sync()]), sql, isComplete: true });
  }

  cancel(): void {
    if (this.#running) this.#hooks.onCancel(this);
  }

  /** A server notices only when it next writes: what runs is stopped, for nobody wants its answer. */
  abandon(): void {
    if (!this.#running) return;
    this.#hooks.onCancel(this);
    this.#upstream.socket.destroy();
  }

  async leave(): Promise<void> {
    if (!this.#isGone) this.#upstream.socket.end(client.terminate());
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#upstream.socket.destroy();
  }

  /** Makes it as good as new. @returns false if it is not, and must not be used again */
  async reset(): Promise<boolean> {
    let failed = false;
    for (const sql of this.#status === "I" ? ["DISCARD ALL"] : ["ROLLBACK", "DISCARD ALL"]) {
      const turn = this.#turn({ bytes: client.query(sql), sql, isComplete: true });
      const onAnswer = (bytes: Buffer) => void (failed ||= bytes[0] === 0x45); // an ErrorResponse
      await turn.run(onAnswer).catch(() => (failed = true));
    }
    return !failed && !this.#isGone && this.#status === "I";
  }

  #turn({ bytes, sql, isComplete }: MessageGroup): Turn {
    return { sql, isComplete, run: (write) => this.#run(bytes, isComplete, write) };
  }

  #run(bytes: Buffer, isComplete: boolean, write: (bytes: Buffer) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isGone) return reject(this.#lastWords ?? lost());
      this.#upstream.socket.write(bytes);
      // A Flush has no end that could be seen: its answer goes the way of what nobody asked for.
      if (isComplete) this.#running = { write, resolve, reject };
      else resolve();
    });
  }

  #take(chunk: Buffer): void {
    const running = this.#running;
    let isOver = false;
    this.#answers.feed(chunk);
    for (let frame = this.#answers.next(); frame; frame = this.#answers.next()) {
      if (frame.kind === "Z") {
        this.#status = String.fromCharCode(frame.body[0]!) as TransactionStatus;
        this.#isCopyingIn = this.#isSyncOwed = false;
        isOver = true;
      } else if (frame.kind === "G") this.#beginCopy();
      else if (frame.kind === "C") this.#isCopyingIn = false;
      else if (frame.kind === "E") {
        this.#isCopyingIn = false;
        const fault = server.readErrorResponse(frame.body);
        if (fault.isFatal) this.#lastWords = fault;
      }
    }
    (running?.write ?? this.#hooks.onUnasked)(chunk);
    if (!isOver || !running) return;
    this.#running = undefined;
    running.resolve();
  }

  #beginCopy(): void {
    this.#isCopyingIn = true;
    this.#isSyncOwed = true;
    const rest = this.#turns.takeRest();
    if (rest.length > 0) this.#upstream.socket.write(rest);
  }

  #close(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const running = this.#running;
    this.#running = undefined;
    this.#hooks.onGone(this);
    // The client has read the server's last words, or sees the line cut as it would without us.
    this.#hooks.onEnded();
    running?.reject(this.#lastWords ?? lost());
  }
}

const lost = (): SqlFault => fatal("57P01", "terminating connection: the server behind the local Neon closed it");
