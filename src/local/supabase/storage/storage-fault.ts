/** A refusal in the words of Supabase Storage. */
export class StorageFault extends Error {
  readonly statusCode: number;
  readonly code: string;
  readonly error: string;

  constructor(statusCode: number, code: string, message: string, error: string = code) {
    super(message);
    this.statusCode = statusCode;
    this.code = code;
    this.error = error;
  }
}

export const faults = {
  noSuchBucket: () => new StorageFault(404, "NoSuchBucket", "Bucket not found", "Bucket not found"),
  noSuchKey: () => new StorageFault(404, "NoSuchKey", "Object not found", "not_found"),
  denied: (message = "new row violates row-level security policy") =>
    new StorageFault(403, "AccessDenied", message, "Unauthorized"),
  keyExists: () => new StorageFault(409, "KeyAlreadyExists", "The resource already exists", "Duplicate"),
  bucketExists: () => new StorageFault(409, "BucketAlreadyExists", "The resource already exists", "Duplicate"),
  bucketNotEmpty: () => new StorageFault(409, "ResourceNotEmpty", "The bucket you tried to delete is not empty"),
  tooLarge: () =>
    new StorageFault(413, "EntityTooLarge", "The object exceeded the maximum allowed size", "Payload too large"),
  mimeType: (type: string) =>
    new StorageFault(415, "InvalidMimeType", `mime type ${type} is not supported`, "invalid_mime_type"),
  invalidKey: (key: string) => new StorageFault(400, "InvalidKey", `Invalid key: ${key}`),
  invalidBucketName: () => new StorageFault(400, "InvalidBucketName", "Bucket name invalid", "Invalid Input"),
  invalidJwt: (message: string) => new StorageFault(400, "InvalidJWT", message),
  invalidSignature: () => new StorageFault(400, "InvalidSignature", "The url do not match the signature"),
  invalidParameter: (name: string) => new StorageFault(400, "InvalidParameter", `Invalid Parameter ${name}`),
  invalidRequest: (message: string) => new StorageFault(400, "InvalidRequest", message),
} as const;

/** The service's quirk: every refusal is HTTP 400, the true status is the text `statusCode` in the body. */
export function renderStorageFault(thrown: unknown): Response {
  const fault =
    thrown instanceof StorageFault ? thrown : new StorageFault(500, "InternalError", "Internal server error");
  const { statusCode, code, error, message } = fault;
  const body = { statusCode: String(statusCode), code, error, message };
  return Response.json(body, { status: statusCode === 500 ? 500 : 400 });
}
