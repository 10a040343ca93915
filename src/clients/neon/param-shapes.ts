/** More are counted, not listed: a bulk statement's log line must stay a line. */
const LISTED = 50;

/** What a log may know of parameters: their types and lengths, e.g. `["text(12)", "number", "array(3)", "null"]`. */
export function describeParams(params: readonly unknown[]): string[] {
  const shapes = params.slice(0, LISTED).map(shapeOf);
  return params.length > LISTED ? [...shapes, `… ${params.length - LISTED} more`] : shapes;
}

function shapeOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return `text(${value.length})`;
  if (Array.isArray(value)) return `array(${value.length})`;
  if (ArrayBuffer.isView(value)) return `bytes(${value.byteLength})`;
  if (value instanceof Date) return "date";
  return typeof value;
}
