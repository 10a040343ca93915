import { faults } from "./storage-fault.ts";

/** The body as an object. @throws StorageFault `InvalidRequest` */
export async function readBody(request: Request): Promise<Record<string, unknown>> {
  const text = await request.text();
  if (text === "") return {};
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null) return body as Record<string, unknown>;
  } catch {
    // refused below
  }
  throw faults.invalidRequest("Body is not a JSON object");
}

/** @throws StorageFault `InvalidParameter` */
export function textOf(body: Record<string, unknown>, name: string): string {
  const value = body[name];
  if (typeof value !== "string" || value === "") throw faults.invalidParameter(name);
  return value;
}

/** @throws StorageFault `InvalidParameter` unless it is a list of texts */
export function textsOf(body: Record<string, unknown>, name: string): string[] {
  const value = body[name];
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string")) throw faults.invalidParameter(name);
  return value;
}

/** @throws StorageFault `InvalidKey` for what the service refuses as an object's name */
export function checkKey(key: string): string {
  if (!/^[\w/!\-.*'() &$@=;:+,?]+$/.test(key) || key.endsWith("/")) throw faults.invalidKey(key);
  return key;
}
