/** One message of the PostgreSQL protocol, version 3. */
export interface Frame {
  /** The message's letter; empty for the start-up messages, which have none. */
  readonly kind: string;
  /** The whole message, letter and length included. */
  readonly bytes: Buffer;
  /** What follows the length. */
  readonly body: Buffer;
}

/** PostgreSQL's own bound on one message. */
const MAX_FRAME_BYTES = 0x3fff_ffff;

/** Cuts a byte stream into messages, wherever the network cut it. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #size = 0;
  /** Bytes without which looking again is useless: keeps a row of megabytes from being copied per chunk. */
  #wanted = 0;

  feed(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#size += chunk.byteLength;
  }

  /**
   * The next whole message, or undefined until more bytes arrive. Only start-up messages are not `typed`.
   * @throws RangeError when the length cannot be one
   */
  next(typed = true): Frame | undefined {
    const header = typed ? 5 : 4;
    if (this.#size < Math.max(header, this.#wanted)) return undefined;
    const data = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#size);
    const length = data.readInt32BE(header - 4);
    if (length < 4 || length > MAX_FRAME_BYTES) throw new RangeError(`invalid message length ${length}`);
    const end = header - 4 + length;
    const rest = data.subarray(end);
    const isWhole = data.length >= end;
    this.#chunks = isWhole ? (rest.length > 0 ? [rest] : []) : [data];
    this.#size = isWhole ? rest.length : data.length;
    this.#wanted = isWhole ? 0 : end;
    if (!isWhole) return undefined;
    return {
      kind: typed ? String.fromCharCode(data[0]!) : "",
      bytes: data.subarray(0, end),
      body: data.subarray(header, end),
    };
  }
}

/** Reads the fields of a message's body in order. */
export class BodyReader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#body.length;
  }

  /** @throws RangeError when the body ends first */
  cstring(): string {
    const end = this.#body.indexOf(0, this.#at);
    if (end < 0) throw new RangeError("invalid string in message");
    const text = this.#body.toString("utf8", this.#at, end);
    this.#at = end + 1;
    return text;
  }

  char(): string {
    return String.fromCharCode(this.#body.readUInt8(this.#at++));
  }

  int16(): number {
    this.#at += 2;
    return this.#body.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#body.readInt32BE(this.#at - 4);
  }

  text(length: number): string {
    this.#at += length;
    return this.#body.toString("utf8", this.#at - length, this.#at);
  }

  /** What is left. */
  rest(): Buffer {
    return this.#body.subarray(this.#at);
  }
}

/** Builds one message from its parts. */
export function frame(kind: string, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.byteLength, 4);
  const header = Buffer.alloc(kind.length + 4);
  header.write(kind, "latin1");
  header.writeInt32BE(length, kind.length);
  return Buffer.concat([header, ...parts]);
}

export const cstring = (text: string): Buffer => Buffer.from(`${text}\0`);

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
