import { IntegrationError } from "../../core/index.ts";
import { type CallOptions, type SupabaseConnection } from "./connection.ts";
import { checkBucket } from "./object-path.ts";

export interface BucketSettings {
  readonly name: string;
  /** Readable by everybody under its public URL. */
  readonly public: boolean;
  /** Bytes. @defaultValue the project's limit */
  readonly fileSizeLimit?: number | undefined;
  /** E.g. `["image/*", "application/pdf"]`. @defaultValue all */
  readonly allowedMimeTypes?: readonly string[] | undefined;
}

export async function ensureBucket(
  connection: SupabaseConnection,
  settings: BucketSettings,
  call: CallOptions | undefined,
): Promise<"created" | "updated" | "unchanged"> {
  const name = checkBucket(settings.name);
  const key = connection.secretKey;
  const headers = { apikey: key, authorization: `Bearer ${key}` };
  const root = `${connection.options.storageUrl}/bucket`;
  const wanted = {
    public: settings.public,
    file_size_limit: settings.fileSizeLimit ?? null,
    allowed_mime_types: settings.allowedMimeTypes ?? null,
  };
  const operation = { operation: "storage.ensureBucket", idempotent: true, write: true };
  const url = `${root}/${encodeURIComponent(name)}`;
  const json = { id: name, name, ...wanted };
  try {
    await connection.json(operation, call, { method: "POST", url: root, headers, json });
    return "created";
  } catch (error) {
    if (!(IntegrationError.isInstance(error) && error.code === "CONFLICT")) throw error;
  }
  const current = await connection.json<Partial<typeof wanted>>({ ...operation, write: false }, call, {
    method: "GET",
    url,
    headers,
  });
  if (sameSettings(current, wanted)) return "unchanged";
  await connection.json(operation, call, { method: "PUT", url, headers, json });
  return "updated";
}

function sameSettings(a: Partial<BucketRow>, b: BucketRow): boolean {
  const types = (row: Partial<BucketRow>) => [...(row.allowed_mime_types ?? [])].sort().join();
  return a.public === b.public && (a.file_size_limit ?? null) === b.file_size_limit && types(a) === types(b);
}

interface BucketRow {
  readonly public: boolean;
  readonly file_size_limit: number | null;
  readonly allowed_mime_types: readonly string[] | null;
}
