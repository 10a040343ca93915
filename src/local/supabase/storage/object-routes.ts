import { type Exchange, type Route } from "../router.ts";
import { mayChange, mayCreate, mayRead, ownerOf } from "./access.ts";
import { checkKey, readBody, textOf, textsOf } from "./read-body.ts";
import { readUpload } from "./read-upload.ts";
import { describeInfo, describeRow, serveObject } from "./render-object.ts";
import { type StorageContext, type StoredObject } from "./storage-context.ts";
import { faults } from "./storage-fault.ts";

/** Writing, reading and rearranging objects. The order matters: fixed words before names of buckets. */
export function objectRoutes(storage: StorageContext): Route[] {
  const read = async ({ request, url, params }: Exchange) =>
    serveObject(storage, await findReadable(storage, request, params["bucket"]!, params["path"]!), request, url);
  const readPublic = async ({ request, url, params }: Exchange) => {
    if (!storage.bucket(params["bucket"]!).public) throw faults.noSuchBucket();
    return serveObject(storage, find(storage, params["bucket"]!, params["path"]!), request, url);
  };
  const info = async ({ request, params }: Exchange) =>
    Response.json(describeInfo(await findReadable(storage, request, params["bucket"]!, params["path"]!)));

  return [
    { on: "GET /storage/v1/object/public/:bucket/*", open: true, handle: readPublic },
    { on: "HEAD /storage/v1/object/public/:bucket/*", open: true, handle: readPublic },
    { on: "GET /storage/v1/object/authenticated/:bucket/*", handle: read },
    { on: "HEAD /storage/v1/object/authenticated/:bucket/*", handle: read },
    { on: "GET /storage/v1/object/info/authenticated/:bucket/*", handle: info },
    { on: "GET /storage/v1/object/info/:bucket/*", handle: info },
    { on: "POST /storage/v1/object/list/:bucket", handle: (exchange) => list(storage, exchange) },
    { on: "POST /storage/v1/object/move", handle: ({ request }) => move(storage, request) },
    { on: "POST /storage/v1/object/copy", handle: ({ request }) => copy(storage, request) },
    { on: "POST /storage/v1/object/:bucket/*", handle: (exchange) => upload(storage, exchange, "create") },
    { on: "PUT /storage/v1/object/:bucket/*", handle: (exchange) => upload(storage, exchange, "update") },
    { on: "GET /storage/v1/object/:bucket/*", handle: read },
    { on: "HEAD /storage/v1/object/:bucket/*", handle: read },
    { on: "DELETE /storage/v1/object/:bucket/*", handle: (exchange) => removeOne(storage, exchange) },
    { on: "DELETE /storage/v1/object/:bucket", handle: (exchange) => removeMany(storage, exchange) },
  ];
}

async function upload(
  storage: StorageContext,
  { request, params }: Exchange,
  kind: "create" | "update",
): Promise<Response> {
  const caller = await storage.callerOf(request);
  const bucket = storage.bucket(params["bucket"]!);
  const name = checkKey(params["path"]!);
  const old = storage.find(bucket.id, name);
  if (kind === "update" && !old) throw faults.noSuchKey();
  const replace = kind === "update" || request.headers.get("x-upsert") === "true";
  if (!mayCreate(caller, bucket, name)) throw faults.denied();
  if (old && !replace) throw faults.keyExists();
  if (old && !mayChange(caller, bucket, old)) throw faults.denied();
  const place = { bucket: bucket.id, name, ownerId: ownerOf(caller), replace };
  const { id } = await storage.store(place, await readUpload(request, bucket));
  return Response.json({ Id: id, Key: `${bucket.id}/${name}` });
}

async function removeOne(storage: StorageContext, { request, params }: Exchange): Promise<Response> {
  const object = await findChangeable(storage, request, params["bucket"]!, params["path"]!);
  await storage.remove([object]);
  return Response.json({ message: "Successfully deleted" });
}

/** Deletes what exists and is the caller's to delete; the rest is silently not in the answer. */
async function removeMany(storage: StorageContext, { request, params }: Exchange): Promise<Response> {
  const caller = await storage.callerOf(request);
  const bucket = storage.bucket(params["bucket"]!);
  const names = new Set(textsOf(await readBody(request), "prefixes"));
  const objects = [...names].flatMap((name) => storage.find(bucket.id, name) ?? []);
  const mine = objects.filter((object) => mayChange(caller, bucket, object));
  await storage.remove(mine);
  return Response.json(mine.map((object) => ({ ...describeRow(object), bucket_id: bucket.id })));
}

async function move(storage: StorageContext, request: Request): Promise<Response> {
  const { source, bucket, name } = await readTransfer(storage, request, findChangeable);
  const moved = await storage.move(source, bucket, name);
  return Response.json({ message: "Successfully moved", Id: moved.id, Key: `${bucket}/${name}` });
}

async function copy(storage: StorageContext, request: Request): Promise<Response> {
  const { source, bucket, name, ownerId } = await readTransfer(storage, request, findReadable);
  const { contentType, cacheControl, userMetadata } = source;
  const content = { bytes: await storage.bytesOf(source), contentType, cacheControl, userMetadata };
  const replace = request.headers.get("x-upsert") === "true";
  const { id } = await storage.store({ bucket, name, ownerId, replace }, content);
  return Response.json({ Id: id, Key: `${bucket}/${name}` });
}

async function readTransfer(storage: StorageContext, request: Request, findSource: typeof findReadable) {
  const body = await readBody(request);
  const from = textOf(body, "bucketId");
  const bucket = storage.bucket(typeof body["destinationBucket"] === "string" ? body["destinationBucket"] : from);
  const name = checkKey(textOf(body, "destinationKey"));
  const source = await findSource(storage, request, from, textOf(body, "sourceKey"));
  const caller = await storage.callerOf(request);
  if (!mayCreate(caller, bucket, name)) throw faults.denied();
  return { source, bucket: bucket.id, name, ownerId: ownerOf(caller) };
}

/** The entries of one folder: objects, and folders as entries without an id. */
async function list(storage: StorageContext, { request, params }: Exchange): Promise<Response> {
  const caller = await storage.callerOf(request);
  const bucket = storage.bucket(params["bucket"]!);
  const body = await readBody(request);
  const folder = typeof body["prefix"] === "string" ? body["prefix"].replace(/\/+$/, "") : "";
  const base = folder === "" ? "" : `${folder}/`;
  const search = typeof body["search"] === "string" ? body["search"].toLowerCase() : "";
  const entries = new Map<string, object>();
  for (const object of storage.objectsOf(bucket.id)) {
    if (!object.name.startsWith(base) || !mayRead(caller, bucket, object.name)) continue;
    const [name = "", ...deeper] = object.name.slice(base.length).split("/");
    if (!name.toLowerCase().startsWith(search)) continue;
    if (deeper.length === 0) entries.set(name, { ...describeRow(object), name });
    else if (!entries.has(name)) entries.set(name, FOLDER(name));
  }
  const sorted = sortBy([...entries.values()] as Record<string, unknown>[], body["sortBy"]);
  const offset = Number(body["offset"] ?? 0);
  return Response.json(sorted.slice(offset, offset + Number(body["limit"] ?? 100)));
}

const FOLDER = (name: string) => ({
  name,
  id: null,
  updated_at: null,
  created_at: null,
  last_accessed_at: null,
  metadata: null,
});

function sortBy(rows: Record<string, unknown>[], by: unknown): Record<string, unknown>[] {
  const { column = "name", order = "asc" } = (by ?? {}) as { column?: string; order?: string };
  const sign = order === "desc" ? -1 : 1;
  return rows.sort((a, b) => (String(a[column]) < String(b[column]) ? -sign : sign));
}

export function find(storage: StorageContext, bucket: string, name: string): StoredObject {
  const object = storage.find(storage.bucket(bucket).id, name);
  if (!object) throw faults.noSuchKey();
  return object;
}

/** What a caller may not see does not exist for him. */
export async function findReadable(
  storage: StorageContext,
  request: Request,
  bucket: string,
  name: string,
): Promise<StoredObject> {
  const caller = await storage.callerOf(request);
  const object = find(storage, bucket, name);
  if (!mayRead(caller, storage.bucket(bucket), name)) throw faults.noSuchKey();
  return object;
}

async function findChangeable(
  storage: StorageContext,
  request: Request,
  bucket: string,
  name: string,
): Promise<StoredObject> {
  const caller = await storage.callerOf(request);
  const object = find(storage, bucket, name);
  if (!mayChange(caller, storage.bucket(bucket), object)) throw faults.noSuchKey();
  return object;
}
