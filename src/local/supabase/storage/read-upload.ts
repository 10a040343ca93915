import { type Bucket, type Upload } from "./storage-context.ts";
import { faults } from "./storage-fault.ts";

/** The largest object where the bucket names no limit of its own: what a free project allows. */
const MAX_OBJECT_BYTES = 50 * 1024 * 1024;
/** Room for the parts around a file in a form. */
const FORM_OVERHEAD_BYTES = 64 * 1024;

/**
 * Reads an upload in either of its shapes: the bytes themselves with headers, or a form whose one file has no name.
 *
 * @throws StorageFault `EntityTooLarge`, `InvalidMimeType`, `InvalidRequest`
 */
export async function readUpload(request: Request, bucket: Bucket): Promise<Upload> {
  const limit = Math.min(bucket.fileSizeLimit ?? MAX_OBJECT_BYTES, MAX_OBJECT_BYTES);
  const isForm = /^multipart\/form-data/i.test(request.headers.get("content-type") ?? "");
  const upload = isForm ? await fromForm(request, limit) : await fromBody(request, limit);
  if (upload.bytes.length > limit) throw faults.tooLarge();
  if (!isAllowed(upload.contentType, bucket.allowedMimeTypes)) throw faults.mimeType(upload.contentType);
  return upload;
}

async function fromBody(request: Request, limit: number): Promise<Upload> {
  return {
    bytes: await readWithin(request, limit),
    contentType: request.headers.get("content-type") ?? "application/octet-stream",
    cacheControl: request.headers.get("cache-control") ?? "no-cache",
    userMetadata: readMetadata(decodeBase64(request.headers.get("x-metadata"))),
  };
}

async function fromForm(request: Request, limit: number): Promise<Upload> {
  const body = await readWithin(request, limit + FORM_OVERHEAD_BYTES);
  const headers = { "content-type": request.headers.get("content-type") ?? "" };
  const form = await new Response(body, { headers }).formData().catch(() => {
    throw faults.invalidRequest("The form could not be read");
  });
  const file = [...form.values()].find((value) => typeof value !== "string");
  if (!file) throw faults.invalidRequest("Missing file in multipart upload");
  const text = (name: string) => {
    const value = form.get(name);
    return typeof value === "string" ? value : null;
  };
  const seconds = text("cacheControl");
  return {
    bytes: await file.bytes(),
    contentType: text("contentType") ?? (file.type || "application/octet-stream"),
    cacheControl: seconds === null ? "no-cache" : `max-age=${seconds}`,
    userMetadata: readMetadata(text("metadata")),
  };
}

/** Stops reading as soon as the limit is passed, whatever the sender announced. */
async function readWithin(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const body = request.body as ReadableStream<Uint8Array> | null;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > limit) throw faults.tooLarge();
    chunks.push(chunk);
  }
  return Uint8Array.from(Buffer.concat(chunks));
}

function isAllowed(contentType: string, allowed: readonly string[] | null): boolean {
  if (allowed === null || allowed.length === 0) return true;
  const type = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  return allowed.some(
    (each) => each === "*/*" || each === type || (each.endsWith("/*") && type.startsWith(each.slice(0, -1))),
  );
}

function decodeBase64(value: string | null): string | null {
  return value === null ? null : Buffer.from(value, "base64").toString("utf8");
}

function readMetadata(text: string | null): Record<string, unknown> {
  if (text === null) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
