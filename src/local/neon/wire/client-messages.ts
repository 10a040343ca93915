import { cstring, frame, int16, int32 } from "./frames.ts";

export const query = (sql: string): Buffer => frame("Q", cstring(sql));
export const parse = (name: string, sql: string): Buffer => frame("P", cstring(name), cstring(sql), int16(0));
export const describePortal = (): Buffer => frame("D", Buffer.from("P"), cstring(""));
export const execute = (): Buffer => frame("E", cstring(""), int32(0));
export const sync = (): Buffer => frame("S");
export const closeStatement = (name: string): Buffer => frame("C", Buffer.from("S"), cstring(name));
export const copyFail = (reason: string): Buffer => frame("f", cstring(reason));

/** Binds text parameters to the unnamed statement and asks for text back. */
export function bind(params: readonly (string | null)[]): Buffer {
  const values = params.flatMap((param) => {
    if (param === null) return [int32(-1)];
    const bytes = Buffer.from(param);
    return [int32(bytes.length), bytes];
  });
  return frame("B", cstring(""), cstring(""), int16(0), int16(params.length), ...values, int16(0));
}

/** A message before there is a session, which has no letter. */
export const startup = (code: number, ...parts: readonly Buffer[]): Buffer => frame("", int32(code), ...parts);

/** Opens a session, protocol 3.0. */
export const startupWith = (parameters: ReadonlyMap<string, string>): Buffer =>
  startup(0x0003_0000, ...[...parameters].flat().map(cstring), Buffer.from([0]));

export const password = (word: string): Buffer => frame("p", cstring(word));
export const saslInitial = (mechanism: string, message: string): Buffer =>
  frame("p", cstring(mechanism), int32(Buffer.byteLength(message)), Buffer.from(message));
export const saslResponse = (message: string): Buffer => frame("p", Buffer.from(message));
export const terminate = (): Buffer => frame("X");
