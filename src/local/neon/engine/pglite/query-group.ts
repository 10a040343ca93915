import { createHash } from "node:crypto";
import { type Effect, effectsOf } from "./effects.ts";
import { BodyReader, client, cstring, failed, frame, type Frame } from "../../wire/index.ts";

/** Messages that must run together: what a client sends up to the next point at which it waits for an answer. */
export interface QueryGroup {
  readonly bytes: Buffer;
  /** The SQL it executes, first statement first; empty when it executes none. */
  readonly sql: readonly string[];
  readonly effects: readonly Effect[];
  /** False after a Flush: the client reads on, but has not finished, and no ReadyForQuery will come. */
  readonly isComplete: boolean;
  /** ParseCompletes that answer statements sent again by us. */
  readonly replays: number;
  /** The rows follow the statement at once, so the request for them is not to reach the client again. */
  readonly hasCopyData: boolean;
}

interface Prepared {
  readonly sql: string;
  readonly effects: readonly Effect[];
  /** The message to send again should another session have taken the unnamed statement's place. */
  readonly bytes: Buffer;
}

/**
 * PGlite ends for good when a COPY asks for rows that are not there yet. This refusal behind each statement is ignored
 * by every other one.
 */
const copyGuard = client.copyFail(
  "the local stand-in takes the rows of COPY FROM STDIN only after a simple query with no other statement",
);

/** One statement with text parameters, for an answer in text. */
export function singleStatement(sql: string, params: readonly (string | null)[]): QueryGroup {
  const parts = [
    client.parse("", sql),
    client.bind(params),
    client.describePortal(),
    client.execute(),
    copyGuard,
    client.sync(),
  ];
  const bytes = Buffer.concat(parts);
  return { bytes, sql: [sql], effects: effectsOf(sql), isComplete: true, replays: 0, hasCopyData: false };
}

/** A COPY whose rows have all come: `parts` are its query, the data and the end. */
export function copyIn(sql: string, parts: readonly Buffer[]): QueryGroup {
  return { bytes: Buffer.concat(parts), sql: [sql], effects: [], isComplete: true, replays: 0, hasCopyData: true };
}

/** Collects one session's messages into groups, and keeps its prepared statements apart from other sessions'. */
export class QueryGroups {
  readonly #scope: string;
  readonly #named = new Map<string, Prepared>();
  #unnamed: Prepared | undefined;
  #parts: Buffer[] = [];
  #sql: string[] = [];
  #effects: Effect[] = [];
  #replays = 0;
  #hasParsedUnnamed = false;

  /** @param scope no other session's */
  constructor(scope: string) {
    this.#scope = scope;
  }

  /** Closes every statement that the session prepared by name; empty when there is none. */
  closeAll(): Buffer {
    if (this.#named.size === 0) return Buffer.alloc(0);
    return Buffer.concat([
      ...[...this.#named.keys()].map((name) => client.closeStatement(this.#scoped(name))),
      client.sync(),
    ]);
  }

  /**
   * @returns the group that the message completes, if it does
   * @throws SqlFault 08P01 for what no client of the protocol sends
   */
  add(message: Frame): QueryGroup | undefined {
    switch (message.kind) {
      case "Q":
        return this.#simpleQuery(message);
      case "P":
        return void this.#parse(message);
      case "B":
        return void this.#bind(message);
      case "C":
      case "D":
        return void this.#closeOrDescribe(message);
      case "E":
        return void this.#parts.push(message.bytes);
      case "F":
        this.#parts.push(message.bytes);
        return this.#finish(true);
      case "S":
      case "H":
        this.#parts.push(copyGuard, message.bytes);
        return this.#finish(message.kind === "S");
      case "d":
      case "c":
      case "f":
        return undefined; // the rest of a COPY that failed: to be ignored
      default:
        throw failed("08P01", `invalid frontend message type ${message.kind.charCodeAt(0)}`);
    }
  }

  #simpleQuery(message: Frame): QueryGroup {
    const sql = new BodyReader(message.body).cstring();
    this.#unnamed = undefined;
    this.#sql.push(sql);
    this.#effects.push(...effectsOf(sql));
    this.#parts.push(message.bytes, copyGuard);
    return this.#finish(true);
  }

  #parse(message: Frame): void {
    const reader = new BodyReader(message.body);
    const name = reader.cstring();
    const sql = reader.cstring();
    const bytes = frame("P", cstring(this.#scoped(name)), cstring(sql), reader.rest());
    const prepared = { sql, effects: effectsOf(sql), bytes };
    if (name === "") {
      this.#unnamed = prepared;
      this.#hasParsedUnnamed = true;
    } else this.#named.set(name, prepared);
    this.#parts.push(bytes);
  }

  #bind(message: Frame): void {
    const reader = new BodyReader(message.body);
    const portal = reader.cstring();
    const prepared = this.#use(reader.cstring());
    if (prepared.statement) {
      this.#sql.push(prepared.statement.sql);
      this.#effects.push(...prepared.statement.effects);
    }
    this.#parts.push(frame("B", cstring(portal), cstring(prepared.name), reader.rest()));
  }

  #closeOrDescribe(message: Frame): void {
    const reader = new BodyReader(message.body);
    if (reader.char() !== "S") return void this.#parts.push(message.bytes); // portals do not outlive the group's lock
    const name = reader.cstring();
    if (message.kind === "C") this.#named.delete(name);
    const scoped = message.kind === "D" ? this.#use(name).name : this.#scoped(name);
    this.#parts.push(frame(message.kind, Buffer.from("S"), cstring(scoped)));
  }

  /** Finds a statement for use in this group; the unnamed one of an earlier group is sent again. */
  #use(name: string): { name: string; statement: Prepared | undefined } {
    if (name !== "") return { name: this.#scoped(name), statement: this.#named.get(name) };
    if (this.#unnamed && !this.#hasParsedUnnamed) {
      this.#parts.push(this.#unnamed.bytes);
      this.#replays += 1;
      this.#hasParsedUnnamed = true;
    }
    return { name, statement: this.#unnamed };
  }

  /** PostgreSQL cuts names at 63 bytes, behind which two of them could be one. */
  #scoped(name: string): string {
    if (name === "") return "";
    const isLong = Buffer.byteLength(name) > 50;
    return `${this.#scope}:${isLong ? createHash("sha256").update(name).digest("hex").slice(0, 40) : name}`;
  }

  #finish(isComplete: boolean): QueryGroup {
    const group: QueryGroup = {
      bytes: Buffer.concat(this.#parts),
      sql: this.#sql,
      effects: this.#effects,
      isComplete,
      replays: this.#replays,
      hasCopyData: false,
    };
    this.#parts = [];
    this.#sql = [];
    this.#effects = [];
    this.#replays = 0;
    // After a Flush the same session still holds the backend: its unnamed statement is untouched.
    if (isComplete) this.#hasParsedUnnamed = false;
    return group;
  }
}
