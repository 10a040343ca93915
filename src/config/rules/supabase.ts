import { type Values } from "../setting.ts";
import { type supabaseSettings } from "../settings/supabase.ts";
import { type RuleContext } from "./context.ts";
import { requireEncryption } from "./encryption.ts";

/** The three endpoints are derived from `url` where they are not set. */
export type SupabaseConfig = Values<typeof supabaseSettings>;

export function completeSupabase(context: RuleContext): SupabaseConfig {
  const { supabase } = context.values;
  const { url, accessTokenExpirySeconds, refreshTokenExpirySeconds } = supabase;
  requireEncryption(context, "SUPABASE_URL", url);
  requireEncryption(context, "SUPABASE_REALTIME_URL", supabase.realtimeUrl);
  requireEncryption(context, "SUPABASE_STORAGE_URL", supabase.storageUrl);
  requireEncryption(context, "SUPABASE_JWKS_URL", supabase.jwksUrl);
  if (accessTokenExpirySeconds >= refreshTokenExpirySeconds)
    context.report.warn(
      "SUPABASE_ACCESS_TOKEN_EXPIRY",
      "is not below SUPABASE_REFRESH_TOKEN_EXPIRY: sessions would end before their access token",
    );
  const under = (path: string) => url && url + path;
  return {
    ...supabase,
    realtimeUrl: (supabase.realtimeUrl ?? under("/realtime/v1"))?.replace(/^http/, "ws"),
    storageUrl: supabase.storageUrl ?? under("/storage/v1"),
    jwksUrl: supabase.jwksUrl ?? under("/auth/v1/.well-known/jwks.json"),
  };
}
