import { type StorageContext, type StoredObject } from "./storage-context.ts";

/** The object itself; of a HEAD request only its headers. `?download[=name]` asks the browser to save it. */
export async function serveObject(
  storage: StorageContext,
  object: StoredObject,
  request: Request,
  url: URL,
): Promise<Response> {
  const download = url.searchParams.get("download");
  const name = download || object.name.split("/").at(-1) || object.name;
  const headers = {
    "content-type": object.contentType,
    "content-length": String(object.size),
    "cache-control": object.cacheControl,
    etag: object.etag,
    "last-modified": new Date(object.updatedAt).toUTCString(),
    ...(download !== null && { "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}` }),
  };
  if (request.method === "HEAD") return new Response(null, { headers });
  return new Response(Uint8Array.from(await storage.bytesOf(object)), { headers });
}

/** As `info` shows an object. */
export function describeInfo(object: StoredObject): object {
  return {
    id: object.id,
    name: object.name,
    version: object.blob,
    bucket_id: object.bucket,
    size: object.size,
    content_type: object.contentType,
    cache_control: object.cacheControl,
    etag: object.etag,
    metadata: object.userMetadata,
    last_modified: object.updatedAt,
    created_at: object.createdAt,
  };
}

/** As lists show an object. */
export function describeRow(object: StoredObject): Record<string, unknown> {
  return {
    name: object.name,
    id: object.id,
    owner_id: object.ownerId,
    updated_at: object.updatedAt,
    created_at: object.createdAt,
    last_accessed_at: object.updatedAt,
    metadata: {
      eTag: object.etag,
      size: object.size,
      mimetype: object.contentType,
      cacheControl: object.cacheControl,
      lastModified: object.updatedAt,
      contentLength: object.size,
      httpStatusCode: 200,
    },
  };
}
