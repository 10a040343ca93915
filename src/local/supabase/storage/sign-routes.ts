import { type Exchange, type Route } from "../router.ts";
import { mayChange, mayCreate, mayRead, ownerOf } from "./access.ts";
import { find, findReadable } from "./object-routes.ts";
import { checkKey, readBody, textsOf } from "./read-body.ts";
import { readUpload } from "./read-upload.ts";
import { serveObject } from "./render-object.ts";
import { type StorageContext } from "./storage-context.ts";
import { faults } from "./storage-fault.ts";

/** How long a signed upload URL is good for. */
const UPLOAD_URL_SECONDS = 7200;

/** URLs that carry their own permission. They are given unencoded: the vendor's client encodes them. */
export function signRoutes(storage: StorageContext): Route[] {
  return [
    { on: "POST /storage/v1/object/upload/sign/:bucket/*", handle: (exchange) => signUpload(storage, exchange) },
    {
      on: "PUT /storage/v1/object/upload/sign/:bucket/*",
      open: true,
      handle: (exchange) => uploadSigned(storage, exchange),
    },
    { on: "POST /storage/v1/object/sign/:bucket/*", handle: (exchange) => signOne(storage, exchange) },
    { on: "POST /storage/v1/object/sign/:bucket", handle: (exchange) => signMany(storage, exchange) },
    {
      on: "GET /storage/v1/object/sign/:bucket/*",
      open: true,
      handle: async ({ request, url, params }) => {
        await verifySignature(storage, url, placeOf(params));
        return serveObject(storage, find(storage, params["bucket"]!, params["path"]!), request, url);
      },
    },
  ];
}

async function signOne(storage: StorageContext, { request, params }: Exchange): Promise<Response> {
  const seconds = lifetime((await readBody(request))["expiresIn"]);
  await findReadable(storage, request, params["bucket"]!, params["path"]!);
  return Response.json({ signedURL: await signedUrl(storage, placeOf(params), seconds) });
}

async function signMany(storage: StorageContext, { request, params }: Exchange): Promise<Response> {
  const body = await readBody(request);
  const seconds = lifetime(body["expiresIn"]);
  const caller = await storage.callerOf(request);
  const bucket = storage.bucket(params["bucket"]!);
  const sign = async (path: string) => {
    const readable = storage.find(bucket.id, path) && mayRead(caller, bucket, path);
    const error = readable ? null : "Either the object does not exist or you do not have access to it";
    return { error, path, signedURL: readable ? await signedUrl(storage, `${bucket.id}/${path}`, seconds) : null };
  };
  return Response.json(await Promise.all(textsOf(body, "paths").map(sign)));
}

async function signUpload(storage: StorageContext, { request, params }: Exchange): Promise<Response> {
  const caller = await storage.callerOf(request);
  const bucket = storage.bucket(params["bucket"]!);
  const name = checkKey(params["path"]!);
  const upsert = request.headers.get("x-upsert") === "true";
  const old = storage.find(bucket.id, name);
  if (!mayCreate(caller, bucket, name)) throw faults.denied();
  if (old && !upsert) throw faults.keyExists();
  if (old && !mayChange(caller, bucket, old)) throw faults.denied();
  const claims = { url: placeOf(params), owner: ownerOf(caller), upsert };
  const token = await storage.tokens.signWithSecret(claims, UPLOAD_URL_SECONDS);
  return Response.json({ url: `/object/upload/sign/${placeOf(params)}?token=${token}`, token });
}

async function uploadSigned(storage: StorageContext, { request, url, params }: Exchange): Promise<Response> {
  const claims = await verifySignature(storage, url, placeOf(params));
  if (claims["upsert"] === undefined) throw faults.invalidSignature(); // a URL for reading
  const bucket = storage.bucket(params["bucket"]!);
  const ownerId = typeof claims["owner"] === "string" ? claims["owner"] : null;
  const place = { bucket: bucket.id, name: params["path"]!, ownerId, replace: claims["upsert"] === true };
  const { id } = await storage.store(place, await readUpload(request, bucket));
  return Response.json({ Id: id, Key: placeOf(params) });
}

async function signedUrl(storage: StorageContext, place: string, seconds: number): Promise<string> {
  return `/object/sign/${place}?token=${await storage.tokens.signWithSecret({ url: place }, seconds)}`;
}

async function verifySignature(storage: StorageContext, url: URL, place: string) {
  const claims = await storage.tokens.verify(url.searchParams.get("token") ?? "").catch((error: unknown) => {
    throw faults.invalidJwt(error instanceof Error ? error.message : "invalid token");
  });
  if (claims["url"] !== place) throw faults.invalidSignature();
  return claims;
}

function lifetime(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1) throw faults.invalidParameter("expiresIn");
  return value;
}

function placeOf(params: Readonly<Record<string, string>>): string {
  return `${params["bucket"]}/${params["path"]}`;
}
