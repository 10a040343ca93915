import { type Frame, type SqlFault, type TransactionStatus } from "../wire/index.ts";

/** The databases that can stand behind the local Neon's endpoint. */
export type EngineName = "pglite" | "postgres";

/** Where the database came from. */
export type StartedFrom = "data-dir" | "cached-dump" | "initdb" | "url";

/** A database, as the endpoint sees it: something that opens sessions. The endpoint itself knows no engine by name. */
export interface DatabaseEngine {
  readonly name: EngineName;
  readonly startedFrom: StartedFrom;
  /** What a person should know, e.g. an extension that Neon has and this engine has not. */
  readonly notices: readonly string[];
  /** False once the database died for good. */
  readonly isAlive: boolean;
  /** Open now, those of HTTP queries among them. */
  readonly sessions: number;
  /** Sessions that wait for another's turn to end. @see the engine, for whether it can know */
  readonly waiting: number;
  /**
   * A session of a client's own, with the parameters of its start-up message.
   * @throws SqlFault when the database refuses it or cannot be reached
   */
  open(options: SessionOptions): Promise<EngineSession>;
  /** A clean session for one HTTP request. @throws SqlFault as {@link open} */
  openForRequest(): Promise<EngineSession>;
  /** A client asked, over a connection of its own, to stop what `pid` runs. A wrong key is ignored, as the protocol wants it. */
  cancel(pid: number, secret: number): void;
  /** Nothing begins from now on; what waits is refused with `reason`. Flushes and ends the database. */
  close(reason: SqlFault): Promise<void>;
}

export interface SessionOptions {
  /** Of the client's start-up message: user, database, settings. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Receives what no turn asked for: notifications, changed parameters. */
  readonly onUnasked: (bytes: Buffer) => void;
  /** The session was ended from the database's side; `reason` is there unless the client has been told. */
  readonly onEnded: (reason?: SqlFault) => void;
}

/** One client's session. Its caller runs one turn after the other. */
export interface EngineSession {
  readonly pid: number;
  /** What a cancel request must know. */
  readonly secret: number;
  readonly status: TransactionStatus;
  /** What the server tells a new client of itself. */
  readonly reported: ReadonlyMap<string, string>;
  /**
   * Takes the client's next message.
   * @returns the turn that it completes, if it does
   * @throws SqlFault 08P01 for what no client of the protocol sends
   */
  receive(message: Frame): Turn | undefined;
  /** One statement with text parameters, for an answer in text. */
  statement(sql: string, params: readonly (string | null)[]): Turn;
  /** The client wants its statement stopped; what cannot be stopped goes on. */
  cancel(reason: SqlFault): void;
  /** The client is gone: nobody waits for the turn under way. */
  abandon(): void;
  /** Gives everything back, rolled back and clean. To be called when no turn is under way; twice is once. */
  leave(): Promise<void>;
}

/** What a client sends up to the next point at which it waits for an answer. */
export interface Turn {
  /** The first statement that it executes; undefined when it executes none. */
  readonly sql: string | undefined;
  /** False after a Flush: the client reads on, but has not finished, and no ReadyForQuery will come. */
  readonly isComplete: boolean;
  /** Hands the answer to `write` as it comes. @throws SqlFault when the session itself refuses or ends it */
  run(write: (bytes: Buffer) => void): Promise<void>;
}
