import { type TableColumn } from "./table-columns.ts";

/** A value as PostgreSQL reads it for one type; null is NULL. */
export type ValueWriter = (value: unknown) => string | null;

/** The writer for a column's type. Chosen once per column, so that a row costs no look at the type. */
export function writerFor({ base, isArray, element }: TableColumn): ValueWriter {
  if (isArray) return orNull(arrayWriter(scalarWriter(element ?? "text")));
  return orNull(scalarWriter(base));
}

type Writer = (value: unknown) => string;

function orNull(write: Writer): ValueWriter {
  return (value) => (value === null || value === undefined ? null : write(value));
}

function scalarWriter(type: string): Writer {
  switch (type) {
    case "json":
    case "jsonb":
      return (value) => (typeof value === "string" ? value : jsonOf(value));
    case "vector":
    case "halfvec":
      return (value) => (isList(value) ? `[${Array.prototype.join.call(value, ",")}]` : anyOf(value));
    case "timestamp":
    case "date":
      return (value) => (value instanceof Date ? localTime(value) : anyOf(value));
    default:
      return anyOf;
  }
}

/** What the value says of itself, where the type says nothing more. */
function anyOf(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
    case "object": {
      if (value instanceof Date) return utcTime(value);
      if (ArrayBuffer.isView(value))
        return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")}`;
      const { toPostgres, then } = value as { toPostgres?: unknown; then?: unknown };
      if (typeof then === "function") throw new TypeError("a promise cannot be stored: await it first");
      return typeof toPostgres === "function" ? String(toPostgres.call(value, anyOf)) : jsonOf(value);
    }
    default:
      throw new TypeError(`a ${typeof value} cannot be stored`);
  }
}

function arrayWriter(element: Writer): Writer {
  const write = (value: unknown): string => {
    if (!isList(value)) return anyOf(value); // a literal that the caller wrote
    const items = Array.from(value as ArrayLike<unknown>, (item) => {
      if (item === null || item === undefined) return "NULL";
      return Array.isArray(item) ? write(item) : quotedElement(element(item));
    });
    return `{${items.join(",")}}`;
  };
  return write;
}

/** An element of an array literal; quoted always, so that no word, comma or space can mean anything. */
export function quotedElement(text: string): string {
  if (!special.test(text)) return `"${text}"`;
  // JSON escapes the same two characters, four times as fast, and others that may not be: those are looked for first.
  return otherInJson.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : JSON.stringify(text);
}
const special = /["\\]/;
/** Control characters and surrogates, paired or not. */
const otherInJson = /[^ -\ud7ff\ue000-\uffff]/;

function isList(value: unknown): boolean {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView) && !Buffer.isBuffer(value));
}

function jsonOf(value: unknown): string {
  const text: unknown = JSON.stringify(value);
  if (typeof text !== "string") throw new TypeError(`a ${typeof value} cannot be written as JSON`);
  return text;
}

function utcTime(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new TypeError("the date is invalid");
  const year = date.getUTCFullYear();
  if (year > 0 && year < 10_000) return date.toISOString();
  return withYear(year, date.toISOString().replace(/^[+-]?\d+(?=-\d\d-\d\dT)/, ""));
}

/** As `pg` writes and reads types without a zone: the wall clock of this process. */
function localTime(date: Date): string {
  if (Number.isNaN(date.getTime())) throw new TypeError("the date is invalid");
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return withYear(date.getFullYear(), `${day}T${time}.${String(date.getMilliseconds()).padStart(3, "0")}`);
}

/** PostgreSQL counts years before Christ from 1, and knows no sign. */
function withYear(year: number, rest: string): string {
  const text = String(year > 0 ? year : 1 - year).padStart(4, "0");
  return year > 0 ? text + rest : `${text}${rest} BC`;
}
