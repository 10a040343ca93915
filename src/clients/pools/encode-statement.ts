import { IntegrationError } from "../../core/index.ts";

/** The protocol counts parameters in two bytes. */
const MAX_PARAMETERS = 65_535;

/** Describe the portal, Execute it to its end, Sync. */
const ENDING = Uint8Array.of(
  ...[0x44, 0, 0, 0, 6, 0x50, 0],
  ...[0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0],
  ...[0x53, 0, 0, 0, 4],
);

/**
 * One statement as the messages of PostgreSQL's extended protocol, in one piece: Parse, Bind, Describe, Execute, Sync,
 * for the unnamed statement and portal, parameters and results as text (`Buffer`s as they are).
 *
 * @param prepare what a driver makes of a value: text, bytes, or null
 * @throws IntegrationError INVALID_INPUT for too many parameters, or a NUL, which the protocol takes for the text's end;
 * and what `prepare` throws
 */
export function encodeStatement(
  text: string,
  values: readonly unknown[],
  prepare: (value: unknown) => unknown,
): Uint8Array {
  const count = values.length;
  if (count > MAX_PARAMETERS) throw unsendable(`${count} parameters, PostgreSQL takes ${MAX_PARAMETERS}`);
  if (text.includes("\0")) throw unsendable("a NUL character in its text");
  const parameters: (string | Uint8Array | null)[] = [];
  const textBytes = Buffer.byteLength(text);
  let size = 9 + textBytes + 15 + 6 * count + ENDING.length;
  for (let i = 0; i < count; i += 1) {
    const value = values[i];
    const prepared = typeof value === "string" ? value : (prepare(value) as string | Uint8Array | null);
    parameters.push(prepared);
    if (prepared !== null) size += typeof prepared === "string" ? Buffer.byteLength(prepared) : prepared.length;
  }
  const bytes = Buffer.allocUnsafe(size);
  bytes[0] = 0x50;
  bytes.writeInt32BE(8 + textBytes, 1);
  bytes[5] = 0;
  bytes.write(text, 6);
  const bind = 9 + textBytes;
  bytes.fill(0, bind - 3, bind);
  bytes[bind] = 0x42;
  bytes[bind + 5] = bytes[bind + 6] = 0;
  let at = bytes.writeUInt16BE(count, bind + 7);
  for (let i = 0; i < count; i += 1) {
    const parameter = parameters[i];
    at = bytes.writeUInt16BE(typeof parameter === "string" || !parameter ? 0 : 1, at);
  }
  at = bytes.writeUInt16BE(count, at);
  for (let i = 0; i < count; i += 1) {
    const parameter = parameters[i]!;
    if (parameter === null) at = bytes.writeInt32BE(-1, at);
    else {
      const start = at + 4;
      if (typeof parameter === "string") at = start + bytes.write(parameter, start);
      else at = (bytes.set(parameter, start), start + parameter.length);
      bytes.writeInt32BE(at - start, start - 4);
    }
  }
  at = bytes.writeUInt32BE(0x0001_0000, at); // all results in one format: text
  bytes.writeInt32BE(at - bind - 1, bind + 1);
  bytes.set(ENDING, at);
  return bytes;
}

function unsendable(what: string): IntegrationError {
  return new IntegrationError({
    code: "INVALID_INPUT",
    message: `the statement cannot be sent: it has ${what}`,
    service: "neon",
  });
}
