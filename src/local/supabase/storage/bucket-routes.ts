import { type Exchange, type Route } from "../router.ts";
import { readBody, textOf, textsOf } from "./read-body.ts";
import { type Bucket, type StorageContext } from "./storage-context.ts";
import { faults } from "./storage-fault.ts";

/** Buckets, for the service key alone: no policy lets a user see or change them. */
export function bucketRoutes(storage: StorageContext): Route[] {
  const isService = async (request: Request) => (await storage.callerOf(request)).kind === "service";
  const guarded = (on: string, handle: (exchange: Exchange) => Response | Promise<Response>): Route => ({
    on,
    handle: async (exchange) => {
      if (!(await isService(exchange.request))) throw faults.noSuchBucket();
      return handle(exchange);
    },
  });
  return [
    {
      on: "GET /storage/v1/bucket",
      handle: async ({ request }) =>
        Response.json((await isService(request)) ? storage.buckets().map(describeBucket) : []),
    },
    {
      on: "POST /storage/v1/bucket",
      handle: async ({ request }) => {
        if (!(await isService(request))) throw faults.denied();
        return create(storage, await readBody(request));
      },
    },
    guarded("GET /storage/v1/bucket/:bucket", ({ params }) =>
      Response.json(describeBucket(storage.bucket(params["bucket"]!))),
    ),
    guarded("PUT /storage/v1/bucket/:bucket", async ({ request, params }) => {
      const bucket = storage.bucket(params["bucket"]!);
      Object.assign(bucket, readSettings(await readBody(request)), { updatedAt: storage.timestamp() });
      await storage.save();
      return Response.json({ message: "Successfully updated" });
    }),
    guarded("POST /storage/v1/bucket/:bucket/empty", async ({ params }) => {
      await storage.remove(storage.objectsOf(storage.bucket(params["bucket"]!).id));
      return Response.json({ message: "Successfully emptied" });
    }),
    guarded("DELETE /storage/v1/bucket/:bucket", async ({ params }) => {
      const { id } = storage.bucket(params["bucket"]!);
      if (storage.objectsOf(id).length > 0) throw faults.bucketNotEmpty();
      storage.deleteBucket(id);
      await storage.save();
      return Response.json({ message: "Successfully deleted" });
    }),
  ];
}

async function create(storage: StorageContext, body: Record<string, unknown>): Promise<Response> {
  const id = typeof body["id"] === "string" ? body["id"] : textOf(body, "name");
  if (!/^[\w!\-.*'() &$@=;:+,?]{1,100}$/.test(id) || id.trim() !== id) throw faults.invalidBucketName();
  if (storage.hasBucket(id)) throw faults.bucketExists();
  const now = storage.timestamp();
  const settings = { public: false, fileSizeLimit: null, allowedMimeTypes: null, ...readSettings(body) };
  storage.setBucket({ id, ...settings, createdAt: now, updatedAt: now });
  await storage.save();
  return Response.json({ name: id });
}

function readSettings(body: Record<string, unknown>): Partial<Bucket> {
  const limit = body["file_size_limit"];
  const types = body["allowed_mime_types"];
  return {
    ...(typeof body["public"] === "boolean" && { public: body["public"] }),
    ...(limit !== undefined && { fileSizeLimit: limit === null ? null : byteCount(limit) }),
    ...(types !== undefined && { allowedMimeTypes: types === null ? null : textsOf(body, "allowed_mime_types") }),
  };
}

/** 1024, "1024", "20MB" */
function byteCount(limit: unknown): number {
  const units: Record<string, number> = { "": 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9 };
  const text = typeof limit === "number" || typeof limit === "string" ? String(limit) : "";
  const [, amount, unit = ""] = /^(\d+)\s*([KMG]?B)?$/i.exec(text) ?? [];
  if (amount === undefined) throw faults.invalidRequest("Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B");
  return Number(amount) * (units[unit.toUpperCase()] ?? 1);
}

function describeBucket(bucket: Bucket): object {
  return {
    id: bucket.id,
    name: bucket.id,
    owner: "",
    public: bucket.public,
    type: "STANDARD",
    file_size_limit: bucket.fileSizeLimit,
    allowed_mime_types: bucket.allowedMimeTypes,
    created_at: bucket.createdAt,
    updated_at: bucket.updatedAt,
  };
}
