export { SupabaseClient } from "./supabase-client.ts";
export { type SupabaseClientOptions, type SupabaseLimits } from "./supabase-options.ts";
export { type CallOptions as SupabaseCallOptions, type ReadCallOptions as SupabaseReadOptions } from "./connection.ts";
export {
  type AuthSession,
  type AuthUser,
  type Credentials,
  type SignedIn,
  type SignedUp,
  type SupabaseAuth,
} from "./auth.ts";
export { type ListInput, type ObjectPlace, type SupabaseStorage } from "./storage.ts";
export { type StorageEntry, type StoredFile } from "./stored-file.ts";
export { type UploadBody, type UploadedFile, type UploadInput } from "./upload.ts";
export { type DownloadedFile, type FileStream } from "./download.ts";
export { type BucketSettings } from "./ensure-bucket.ts";
export { type HealthCheck as SupabaseHealthCheck, type SupabaseHealth } from "./health.ts";
export { type SupabaseAdmin, type VendorClient as SupabaseVendorClient } from "./vendor-clients.ts";
export { supabaseError } from "./errors.ts";
export { quotaOfUrl as supabaseQuotaOf } from "./quotas.ts";
