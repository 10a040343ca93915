import { BodyReader, failed, type Frame } from "../../wire/index.ts";

/** What goes to the server together, unchanged. */
export interface MessageGroup {
  readonly bytes: Buffer;
  /** The first statement that it executes. */
  readonly sql: string | undefined;
  /** False after a Flush: no ReadyForQuery will come. */
  readonly isComplete: boolean;
}

/** Cuts a client's messages into groups, and knows which statement each executes. */
export class TurnReader {
  readonly #statements = new Map<string, string>();
  #parts: Buffer[] = [];
  #sql: string | undefined;

  /** What was collected since the last group: rows of a COPY that came before they were asked for. */
  takeRest(): Buffer {
    return Buffer.concat(this.#parts.splice(0));
  }

  /** @throws SqlFault 08P01 for what no client of the protocol sends */
  add({ kind, bytes, body }: Frame): MessageGroup | undefined {
    if (!"QPBCDEFSHdcf".includes(kind)) throw failed("08P01", `invalid frontend message type ${kind.charCodeAt(0)}`);
    this.#parts.push(bytes);
    if (kind === "Q") this.#sql ??= new BodyReader(body).cstring();
    else if (kind === "P") {
      const reader = new BodyReader(body);
      this.#statements.set(reader.cstring(), reader.cstring());
    } else if (kind === "B") {
      const reader = new BodyReader(body);
      reader.cstring(); // the portal
      this.#sql ??= this.#statements.get(reader.cstring());
    } else if (kind === "C" && body[0] === 0x53) this.#statements.delete(body.toString("utf8", 1, body.length - 1));
    if (!"QSHF".includes(kind)) return undefined;
    const group = { bytes: this.takeRest(), sql: this.#sql, isComplete: kind !== "H" };
    this.#sql = undefined;
    return group;
  }
}
