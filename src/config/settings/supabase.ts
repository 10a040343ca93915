import { durationSeconds, publicKeySet, signingSecret, supabaseKey, url } from "../kinds/index.ts";
import { setting } from "../setting.ts";

export const supabaseSettings = {
  url: setting("SUPABASE_URL", url({ protocols: ["https", "http"] }), {
    description:
      "The project's root URL. Required unless ENABLE_USER_AUTHENTICATION, ENABLE_FILE_STORAGE and ENABLE_REALTIME_COLLABORATION are all false.",
  }),
  anonKey: setting("SUPABASE_ANON_KEY", supabaseKey("anon"), {
    alias: "SUPABASE_PUBLISHABLE_KEY",
    description: "Public key for calls in a user's name; required whenever SUPABASE_URL is.",
  }),
  serviceKey: setting("SUPABASE_SERVICE_KEY", supabaseKey("service_role"), {
    alias: "SUPABASE_SECRET_KEY",
    description: "Key of the admin client, which bypasses row-level security; without it supabase.admin is off.",
  }),
  realtimeUrl: setting("SUPABASE_REALTIME_URL", url({ protocols: ["wss", "ws", "https", "http"] }), {
    description: "Realtime endpoint; without it <SUPABASE_URL>/realtime/v1 over WebSocket.",
  }),
  storageUrl: setting("SUPABASE_STORAGE_URL", url({ protocols: ["https", "http"] }), {
    description: "Storage endpoint; without it <SUPABASE_URL>/storage/v1.",
  }),
  jwtSecret: setting("SUPABASE_JWT_SECRET", signingSecret, {
    description: "Legacy shared secret: with it HS256 user tokens are accepted; without it only those of the key set.",
  }),
  jwks: setting("SUPABASE_JWKS", publicKeySet, {
    description: "Public keys that verify user tokens, inline, so that no request is needed.",
  }),
  jwksUrl: setting("SUPABASE_JWKS_URL", url({ protocols: ["https", "http"], allowQuery: true }), {
    description: "Where the public keys are fetched; without it <SUPABASE_URL>/auth/v1/.well-known/jwks.json.",
  }),
  accessTokenExpirySeconds: setting("SUPABASE_ACCESS_TOKEN_EXPIRY", durationSeconds({ min: "1m", max: "7d" }), {
    default: "1h",
    description: "Lifetime of access tokens, as set in the Supabase project: when sessions are refreshed early.",
  }),
  refreshTokenExpirySeconds: setting("SUPABASE_REFRESH_TOKEN_EXPIRY", durationSeconds({ min: "1m", max: "3650d" }), {
    default: "30d",
    description: "Lifetime of refresh tokens: how long a session cookie lives.",
  }),
};
