/**
 * The settings of an integration whose services nobody needs, at addresses where nobody is; limits so wide that none
 * ever refuses.
 */
export const wideOpenEnvironment: Readonly<Record<string, string>> = {
  NODE_ENV: "production",
  LOG_LEVEL: "warn",
  NEON_CONNECTION_STRING: "postgresql://bench:bench@127.0.0.1:9/bench",
  NEON_TRANSPORT: "http",
  SUPABASE_URL: "http://127.0.0.1:9",
  SUPABASE_ANON_KEY: "bench-anon-key",
  SUPABASE_SERVICE_KEY: "bench-service-key",
  SUPABASE_JWT_SECRET: "a-secret-of-the-benchmark-and-of-nothing-else",
  TINYFISH_API_URL: "http://127.0.0.1:9",
  TINYFISH_API_KEY: "bench-key",
  OLLAMA_BASE_URL: "http://127.0.0.1:9",
  ENABLE_WEBHOOKS: "false",
  ...Object.fromEntries(
    ["SCRAPING", "ANALYSIS", "SEARCH", "UPLOAD", "AUTH"].flatMap((limit) => [
      [`RATE_LIMIT_${limit}_REQUESTS`, "1000000000"],
      [`RATE_LIMIT_${limit}_WINDOW`, "1s"],
      [`RATE_LIMIT_${limit}_BURST`, "1000000000"],
    ]),
  ),
};
