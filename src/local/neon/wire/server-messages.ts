import { BodyReader, cstring, frame, int16, int32 } from "./frames.ts";
import { SqlFault, type SqlFaultFields } from "./sql-fault.ts";

/** What ReadyForQuery says: idle, in a transaction, in a failed one. */
export type TransactionStatus = "I" | "T" | "E";

export const passwordRequest = (): Buffer => frame("R", int32(3));
export const authenticated = (): Buffer => frame("R", int32(0));
export const parameterStatus = (name: string, value: string): Buffer => frame("S", cstring(name), cstring(value));
export const backendKey = (pid: number, secret: number): Buffer => frame("K", int32(pid), int32(secret));
export const readyForQuery = (status: TransactionStatus): Buffer => frame("Z", Buffer.from(status));
/** To a client that asked for a newer minor version of the protocol: 3.0 it is. */
export const onlyVersionThreeZero = (): Buffer => frame("v", int32(0), int32(0));
/** Asks for COPY data in text form; the number of columns is not known before the statement runs. */
export const copyInRequest = (): Buffer => frame("G", Buffer.from([0]), int16(0));
export const notification = (pid: number, channel: string, payload: string): Buffer =>
  frame("A", int32(pid), cstring(channel), cstring(payload));

const faultLetters = {
  S: "severity",
  C: "code",
  M: "message",
  D: "detail",
  H: "hint",
  P: "position",
  p: "internalPosition",
  q: "internalQuery",
  W: "where",
  s: "schema",
  t: "table",
  c: "column",
  d: "dataType",
  n: "constraint",
  F: "file",
  L: "line",
  R: "routine",
} as const satisfies Record<string, keyof SqlFaultFields>;

export function errorResponse({ fields }: SqlFault): Buffer {
  const parts = Object.entries(faultLetters).flatMap(([letter, name]) => {
    const value = fields[name];
    if (value === undefined) return [];
    const part = Buffer.concat([Buffer.from(letter), cstring(value)]);
    return letter === "S" ? [part, Buffer.from("V"), cstring(value)] : [part];
  });
  return frame("E", ...parts, Buffer.from([0]));
}

export function readErrorResponse(body: Buffer): SqlFault {
  const reader = new BodyReader(body);
  const fields: Partial<Record<keyof SqlFaultFields, string>> = {};
  for (let letter = reader.char(); letter !== "\0"; letter = reader.char()) {
    const value = reader.cstring();
    const name = (faultLetters as Record<string, keyof SqlFaultFields>)[letter];
    if (name) fields[name] = value;
  }
  return new SqlFault({ severity: "ERROR", code: "XX000", message: "", ...fields });
}

/** One column of a result, under the names that Neon's HTTP answers use. */
export interface Field {
  readonly name: string;
  readonly tableID: number;
  readonly columnID: number;
  readonly dataTypeID: number;
  readonly dataTypeSize: number;
  readonly dataTypeModifier: number;
  readonly format: "text" | "binary";
}

export function readRowDescription(body: Buffer): Field[] {
  const reader = new BodyReader(body);
  return Array.from({ length: reader.int16() }, () => ({
    name: reader.cstring(),
    tableID: reader.int32(),
    columnID: reader.int16(),
    dataTypeID: reader.int32(),
    dataTypeSize: reader.int16(),
    dataTypeModifier: reader.int32(),
    format: reader.int16() === 0 ? "text" : "binary",
  }));
}

export function readDataRow(body: Buffer): (string | null)[] {
  const reader = new BodyReader(body);
  return Array.from({ length: reader.int16() }, () => {
    const length = reader.int32();
    return length < 0 ? null : reader.text(length);
  });
}
