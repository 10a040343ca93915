/** What an object or array costs besides what it holds; a property or element of it; both as measured in V8, rounded. */
const OBJECT_BYTES = 32;
const SLOT_BYTES = 8;

/**
 * Bytes that a value takes in memory, estimated: strings, numbers, buffers, and whatever they are nested in, shared
 * parts once. Made for answers of services; functions and other wonders count as empty objects.
 */
export function byteSizeOf(value: unknown): number {
  const seen = new Set<object>();
  const pending: unknown[] = [value];
  let bytes = 0;
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next === "string") bytes += 2 * next.length;
    if (typeof next === "bigint") bytes += 16;
    if (typeof next !== "object" || next === null || seen.has(next)) continue;
    seen.add(next);
    bytes += OBJECT_BYTES;
    if (ArrayBuffer.isView(next) || next instanceof ArrayBuffer) bytes += next.byteLength;
    else if (next instanceof Map) for (const entry of next) pending.push(...entry);
    else if (next instanceof Set || Array.isArray(next)) for (const item of next) pending.push(item);
    else
      for (const [key, item] of Object.entries(next)) {
        bytes += key.length;
        pending.push(item);
      }
    bytes += SLOT_BYTES * countOf(next);
  }
  return bytes;
}

function countOf(value: object): number {
  if (ArrayBuffer.isView(value)) return 0;
  if (Array.isArray(value)) return value.length;
  return value instanceof Map || value instanceof Set ? 4 * value.size : Object.keys(value).length;
}
